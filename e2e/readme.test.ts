import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite, test } from 'node:test'
import { findKubectl } from '../src/cluster/kubectl.ts'
import { eventually, fairleadCommand, startCluster, type TestCluster } from './support/cluster.ts'
import { type Example, isShown, parseCommands, parseTranscripts } from './support/transcript.ts'

const root = resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const layers = globSync('src/**/README.md', { cwd: root }).sort()

// The promise: what a README shows is what happens.
suite('The READMEs', () => {
  test('show what their commands print', async (t) => {
    using cluster = startCluster('doc', ['--dns-upstream', '172.30.0.254'])
    await serveExamples(cluster)
    const shell = createShell(cluster)
    for (const file of layers) {
      const examples = parseTranscripts(read(file))
      await t.test(`${file}: ${examples.length} commands`, () => runAll(examples, shell))
    }
    // Last, since it scales what others show, and ends with `fairlead down`.
    const examples = parseCommands(read('README.md'), ['kubectl', 'fairlead'])
    await t.test(`README.md: ${examples.length} commands`, async () => {
      assert.equal(examples.at(-1)?.command.split('#')[0]?.trim(), 'fairlead down')
      await runAll(examples, shell)
    })
  })

  const outputs = [
    { name: 'the same', shown: 'a b\nc', printed: 'a b  \nc\n', want: true },
    { name: 'a part of a line left out', shown: 'a … c', printed: 'a b c\n', want: true },
    { name: 'lines left out', shown: 'a\n…\nd', printed: 'a\nb\nc\nd\n', want: true },
    { name: 'another word', shown: 'a b', printed: 'a c\n', want: false },
    { name: 'a line more', shown: 'a', printed: 'a\nb\n', want: false },
    { name: 'a line less', shown: 'a\nb', printed: 'a\n', want: false },
    {
      name: 'one character that looks like a pattern',
      shown: 'a.c',
      printed: 'abc\n',
      want: false,
    },
  ]
  for (const { name, shown, printed, want } of outputs) {
    test(`isShown(): ${name}`, () => assert.equal(isShown(shown, printed), want))
  }
})

/** Runs one command line, as a reader of the document would, in the repository's folder. */
type Shell = (command: string) => { readonly status: number; readonly printed: string }

/** `fairlead` is that of the repository, with the cluster's name, which the documents leave out. */
function createShell({ home, name }: TestCluster): Shell {
  const folder = join(home.folder, 'bin')
  mkdirSync(folder)
  writeFileSync(
    join(folder, 'fairlead'),
    `#!/bin/sh\nverb=$1\nshift\nexec ${fairleadCommand} "$verb" --name ${name} "$@"\n`,
  )
  chmodSync(join(folder, 'fairlead'), 0o755)
  const kubectl = spawnSync('sh', ['-c', `command -v ${findKubectl()}`], { encoding: 'utf8' })
  symlinkSync(kubectl.stdout.trim(), join(folder, 'kubectl'))
  const env = { ...home.env, PATH: `${folder}:${process.env.PATH}` }
  return (command) => {
    const { status, stdout } = spawnSync('sh', ['-c', `exec 2>&1\n${command}`], {
      cwd: root,
      env,
      encoding: 'utf8',
      timeout: 120_000,
    })
    return { status: status ?? 1, printed: stdout }
  }
}

async function serveExamples({ kubectl }: TestCluster): Promise<void> {
  const address = '--for=jsonpath={.status.loadBalancer.ingress[0].ip}'
  for (const args of [
    ['apply', '-f', join(root, 'examples')],
    ['wait', '--for=condition=Available', 'deployment', '--all', '--all-namespaces'],
    ['wait', '--for=condition=Ready', 'pod', 'client'],
    ['wait', address, 'service', 'app1-public'],
    ['wait', address, 'ingress', 'app1'],
  ]) {
    const { status, stderr } = kubectl(args[0] === 'wait' ? [...args, '--timeout=180s'] : args)
    assert.equal(status, 0, stderr)
  }
}

/** What was applied a moment ago may not have arrived at every node: a command has some time to show what it shall. */
async function runAll(examples: readonly Example[], shell: Shell): Promise<void> {
  assert.notEqual(examples.length, 0)
  for (const { command, shown } of examples) {
    let last = shell(command)
    const holds = () => last.status === 0 && (shown === undefined || isShown(shown, last.printed))
    const again = () => {
      last = shell(command)
      return holds()
    }
    if (holds()) continue
    await eventually(command, again, 60_000).catch(() =>
      assert.fail(
        `$ ${command}\nended with ${last.status} and printed\n${last.printed}\nnot\n${shown ?? ''}`,
      ),
    )
  }
}
