import { UsageError } from './usage-error.ts'
import { verbs } from './verbs.ts'

/** Exit codes (the CLI's contract); a verb may have others of its own. */
const exitCodes = { ok: 0, failed: 1, usage: 2 } as const

async function main([verb, ...args]: readonly string[]): Promise<number> {
  if (verb === undefined || verb === 'help' || verb === '--help' || verb === '-h') {
    const { printHelp } = await import('./commands/help.ts')
    printHelp()
    return verb === undefined ? exitCodes.usage : exitCodes.ok
  }
  if (verb === 'version' || verb === '--version') {
    const { fairleadVersion, GIT_VERSION } = await import('#cluster/version.ts')
    const words = `Kubernetes ${GIT_VERSION}, Node ${process.version}`
    process.stdout.write(`fairlead ${fairleadVersion()} (${words})\n`)
    return exitCodes.ok
  }
  const command = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!command)
    throw new UsageError(
      `Cannot run \`fairlead ${verb}\`: there is no such verb (\`fairlead help\` lists them)`,
    )
  if (!command.load) throw new UsageError(`Cannot run \`fairlead ${verb}\`: it is not built yet`)
  if (isCallForHelp(args)) {
    process.stdout.write(`fairlead ${command.usage}\n    ${command.does}\n`)
    return exitCodes.ok
  }
  const { run } = await command.load()
  return await run(args)
}

/** Behind `--` the words are another program's. */
function isCallForHelp(args: readonly string[]): boolean {
  const [first] = args.filter((word) => ['--help', '-h', '--'].includes(word))
  return first !== undefined && first !== '--'
}

// The reader of a pipe may have seen enough, as `head` does. Not a listener of process.stdout: whoever looks at that makes the
// stream non-blocking, also for the command that `exec` becomes.
process.on('uncaughtException', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const { describeError } = await import('./output/describe-error.ts')
  console.error(describeError(error))
  process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failed
}
