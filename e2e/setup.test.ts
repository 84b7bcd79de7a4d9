import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { after, before, suite, test } from 'node:test'

const root = resolve(import.meta.dirname, '..')

// The promise: set-up brings what is missing, says what it cannot bring, and is quick when there is nothing to do.
suite('npm run setup', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'fairlead-setup-'))
  })
  after(() => rmSync(folder, { recursive: true, force: true }))
  const setUp = (env: NodeJS.ProcessEnv) =>
    spawnSync('sh', ['tools/setup.sh'], {
      cwd: root,
      encoding: 'utf8',
      env: { ...process.env, ...env },
    })

  test('says nothing where nothing is missing', () => {
    const { status, stdout, stderr } = setUp({})
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
  })

  test('fetches kubectl where PATH has none, with an apt state of its own', () => {
    const path = programsWithout('kubectl')
    const kubectl = join(folder, 'fetched/kubectl')
    const lists = () => globSync('/var/lib/apt/lists/*').sort()
    const before = lists()
    const { status, stderr } = setUp({ PATH: path, FAIRLEAD_KUBECTL: kubectl })
    assert.equal(status, 0, stderr)
    assert.match(stderr, /fetching kubectl/)
    assert.deepEqual(lists(), before)
    const { stdout } = spawnSync(kubectl, ['version', '--client', '-o', 'json'], {
      encoding: 'utf8',
    })
    assert.equal(
      (JSON.parse(stdout) as { clientVersion: { minor: string } }).clientVersion.minor,
      '32',
    )
  })

  test('names what is missing where it may not install, and exits 2', () => {
    // In a mount namespace of its own, where the two programs are hidden behind a file that cannot be run.
    const hide =
      'for p in /usr/sbin/conntrack /usr/bin/apt-get; do mount --bind /dev/null $p || exit 9; done; exec sh tools/setup.sh'
    const { status, stderr } = spawnSync('unshare', ['--mount', 'sh', '-c', hide], {
      cwd: root,
      encoding: 'utf8',
    })
    assert.equal(status, 2, stderr)
    assert.match(stderr, /these programs are missing: conntrack/)
    assert.match(stderr, /apt-get install --no-install-recommends conntrack/)
  })

  test('asks for what only tests need with --tests alone, and goes on without it', () => {
    const hide =
      'mount -t tmpfs none /usr/lib/cni && mount --bind /dev/null /usr/bin/apt-get || exit 9'
    const setUp = (...args: string[]) =>
      spawnSync(
        'unshare',
        ['--mount', 'sh', '-c', `${hide}; exec sh tools/setup.sh "$@"`, 'sh', ...args],
        { cwd: root, encoding: 'utf8' },
      )
    const { status, stderr } = setUp('--tests')
    assert.equal(status, 0, stderr)
    assert.match(stderr, /some tests cannot pass: these programs are missing: .*cni\/bridge/)
    assert.match(stderr, /--no-install-recommends containernetworking-plugins/)
    assert.deepEqual([setUp().status, setUp().stderr], [0, ''])
  })

  /** A PATH with links to all programs but some. */
  function programsWithout(...names: string[]): string {
    const programs = join(folder, names.join('-'))
    mkdirSync(programs)
    const found = new Map(
      (process.env.PATH ?? '')
        .split(':')
        .concat('/usr/sbin', '/sbin', '/usr/bin', '/bin')
        .flatMap((where) => globSync(`${where}/*`))
        .map((file) => [basename(file), file]),
    )
    for (const [name, file] of found)
      if (!names.includes(name)) symlinkSync(file, join(programs, name))
    return programs
  }
})

suite('The package', () => {
  test('has no download addresses in its lock file, and no package with an install script', () => {
    const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
    assert.doesNotMatch(lock, /"resolved": "http/)
    assert.doesNotMatch(lock, /"hasInstallScript": true/)
  })
})
