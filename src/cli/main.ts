import { UsageError } from './usage-error.ts'
import { verbs } from './verbs.ts'

/** Exit codes of every verb (design.md, "The CLI"). */
const exitCodes = { ok: 0, failed: 1, usage: 2, couldNotCheck: 3 } as const

async function main([verb, ...args]: readonly string[]): Promise<number> {
  if (verb === undefined || verb === 'help' || verb === '--help' || verb === '-h') {
    const { printHelp } = await import('./commands/help.ts')
    printHelp()
    return verb === undefined ? exitCodes.usage : exitCodes.ok
  }
  const command = verbs[verb]
  if (!command)
    throw new UsageError(
      `Cannot run \`fairlead ${verb}\`: there is no such verb (\`fairlead help\` lists them)`,
    )
  if (!command.load) throw new UsageError(`Cannot run \`fairlead ${verb}\`: it is not built yet`)
  const { run } = await command.load()
  return await run(args)
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  const { describeError } = await import('./output/describe-error.ts')
  console.error(describeError(error))
  process.exitCode = error instanceof UsageError ? exitCodes.usage : exitCodes.failed
}
