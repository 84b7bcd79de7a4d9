import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, globSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { findKubectl } from '../src/cluster/kubectl.ts'
import { eventually, startCluster, type TestCluster } from './support/cluster.ts'
import { type Example, isShown, parseTranscripts } from './support/transcript.ts'

const tables = globSync('*.md', { cwd: join(import.meta.dirname, 'kubectl') }).sort()
const read = (table: string) => readFileSync(join(import.meta.dirname, 'kubectl', table), 'utf8')
const COMMAND_MS = 100_000
const PATIENCE_MS = 60_000

/** Commands that only look may be asked again: what was changed a moment ago may not have arrived everywhere. */
const LOOKS =
  /^kubectl (?:get|describe|logs|events|auth can-i|auth whoami|rollout history) [^|;&>]*(?:\|[^;&>]*)?$/

/** What facts/control-plane.md 1 lists as what kubectl asks for. */
const LISTED =
  `annotate api-resources apply attach auth autoscale cluster-info completion config cordon cp create debug delete describe diff drain
  edit events exec explain expose get label logs patch port-forward proxy replace rollout run scale set taint top uncordon version wait`.split(
    /\s+/,
  )

// The promise: each command of kubectl does and says what it does and says on any cluster.
// Another kubectl can be named by $FAIRLEAD_KUBECTL.
suite('kubectl, command by command', () => {
  let cluster: TestCluster
  before(() => {
    cluster = startCluster('table')
  })
  after(() => cluster[Symbol.dispose]())

  test('no command is forgotten', () => {
    const shown = tables.map(read).join('\n')
    const missing = LISTED.filter((verb) => !new RegExp(`kubectl ${verb}\\b`).test(shown))
    assert.deepEqual(missing, [])
  })

  for (const table of tables) {
    test(table, async (t) => {
      const shell = createShell(cluster, basename(table, '.md').replace(/^\d+-/, ''))
      for (const example of parseTranscripts(read(table)))
        await t.test(example.command, () => check(example, shell))
    })
  }
})

type Shell = (command: string) => { readonly status: number; readonly printed: string }

async function check({ command, shown = '' }: Example, shell: Shell): Promise<void> {
  let last = shell(command)
  const holds = () => last.status === 0 && isShown(shown, last.printed)
  if (holds()) return
  const again = () => {
    last = shell(command)
    return holds()
  }
  if (LOOKS.test(command)) await eventually(command, again, PATIENCE_MS).catch(() => undefined)
  if (holds()) return
  assert.fail(`$ ${command}\nended with ${last.status} and printed\n${last.printed}\nnot\n${shown}`)
}

/** A shell in a copy of the table's folder, whose kubectl works in a namespace of its own. */
function createShell({ home }: TestCluster, namespace: string): Shell {
  const folder = join(home.folder, namespace)
  cpSync(join(import.meta.dirname, 'kubectl'), folder, { recursive: true })
  mkdirSync(join(folder, 'bin'))
  const found = spawnSync('sh', ['-c', `command -v ${findKubectl()}`], { encoding: 'utf8' })
  symlinkSync(resolve(found.stdout.trim()), join(folder, 'bin/kubectl'))
  copyFileSync(home.env.KUBECONFIG!, join(folder, 'kubeconfig'))
  const env = {
    ...home.env,
    HOME: folder, // kubectl's cache
    KUBECONFIG: join(folder, 'kubeconfig'),
    PATH: `${folder}/bin:${process.env.PATH}`,
  }
  const shell: Shell = (command) => {
    const options = { cwd: folder, env, encoding: 'utf8', timeout: COMMAND_MS } as const
    const { status, stdout } = spawnSync('sh', ['-c', `exec 2>&1\n${command}`], options)
    return { status: status ?? 1, printed: stdout }
  }
  for (const command of [
    `kubectl create namespace ${namespace}`,
    `kubectl config set-context --current --namespace=${namespace}`,
  ]) {
    const { status, printed } = shell(command)
    assert.equal(status, 0, printed)
  }
  return shell
}
