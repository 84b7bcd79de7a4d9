import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { createLog } from '#log/log.ts'
import { waitFor } from '#testing/wait-for.ts'
import { cleanUpBeside } from './clean-up-beside.ts'

const DAEMONS = import.meta.dirname

/** Programs in place of the command line: what `--cleanup` does is tested where rules are. */
suite('cleanUpBeside()', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'clean-up-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))

  const program = (name: string, text: string) => {
    const path = join(folder, `${name}.ts`)
    writeFileSync(path, `import { endWithParent } from '${DAEMONS}/end-with-parent.ts'\n${text}`)
    return path
  }
  /** Runs a command that would never end, and says which. */
  const endless = (name: string) => {
    const pids = join(folder, `${name}.pids`)
    const path = program(
      name,
      `import { spawn } from 'node:child_process'
import { renameSync, writeFileSync } from 'node:fs'
endWithParent()
const command = spawn('sleep', ['600'], { stdio: 'ignore' })
writeFileSync('${pids}.new', process.pid + ' ' + command.pid)
renameSync('${pids}.new', '${pids}')
`,
    )
    const started = async () => {
      await waitFor(() => existsSync(pids), { what: 'the command' })
      return readFileSync(pids, 'utf8').split(' ').map(Number)
    }
    return { path, started }
  }
  const areGone = (pids: readonly number[]) =>
    waitFor(() => pids.every(hasEnded), { what: `${pids} to end` })

  async function run(path: string, signal: AbortSignal, tooLate?: AbortSignal): Promise<string> {
    const lines: string[] = []
    const log = createLog('proxy', (line) => lines.push(line))
    await cleanUpBeside('iptables', 'nft', log, signal, {
      program: path,
      ...(tooLate && { tooLate }),
    })
    return lines.join('')
  }

  test('keeps the mode that serves, and the iptables that it uses', async () => {
    const path = program(
      'arguments',
      `import { writeFileSync } from 'node:fs'
endWithParent()
writeFileSync('${join(folder, 'arguments')}', process.argv.slice(2).join(' '))
`,
    )
    assert.equal(await run(path, new AbortController().signal), '')
    assert.equal(
      readFileSync(join(folder, 'arguments'), 'utf8'),
      'proxy --cleanup --keep=iptables --iptables-variant=nft',
    )
  })

  test('tells that something was left, and how to try again', async () => {
    const path = program('failing', 'process.exitCode = 1')
    assert.match(
      await run(path, new AbortController().signal),
      / error proxy: Cannot take away all that other proxies left: `fairlead proxy --cleanup --keep=iptables --iptables-variant=nft` tries again \{"code":1\}\n$/,
    )
  })

  test('ends with the signal, quietly, and its commands too', async () => {
    const { path, started } = endless('aborted')
    const abort = new AbortController()
    const over = run(path, abort.signal)
    const pids = await started()
    abort.abort()
    assert.equal(await over, '')
    await areGone(pids)
  })

  test('ends when its time is over', async () => {
    const { path, started } = endless('late')
    const tooLate = new AbortController()
    const over = run(path, new AbortController().signal, tooLate.signal)
    const pids = await started()
    tooLate.abort()
    assert.match(await over, /Cannot take away .* \{"after":"300 s"\}\n$/)
    await areGone(pids)
  })

  test('ends with a proxy that is killed', async () => {
    const { path, started } = endless('orphan')
    const parent = program(
      'parent',
      `import { cleanUpBeside } from '${DAEMONS}/clean-up-beside.ts'
import { silentLog } from '${DAEMONS}/../log/log.ts'
await cleanUpBeside('iptables', undefined, silentLog, new AbortController().signal, { program: '${path}' })
`,
    )
    const proxy = spawn(process.execPath, [parent], { stdio: 'ignore' })
    const pids = await started()
    assert.equal(pids.some(hasEnded), false)
    proxy.kill('SIGKILL')
    await areGone(pids)
  })
})

function hasEnded(pid: number): boolean {
  try {
    // A zombie that nobody reaps has ended, too.
    return / [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return true
  }
}
