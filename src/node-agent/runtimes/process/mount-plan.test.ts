import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { suite, test } from 'node:test'
import type { HostEntry, HostTree } from './host-tree.ts'
import { type Mount, planRoot, type RootRequest } from './mount-plan.ts'
import { quote } from './quote.ts'
import { renderFstab, renderSetup } from './render-script.ts'

/** A host of paths: `/usr/bin/`, `/etc/passwd`, `/bin -> usr/bin`. */
function hostOf(...paths: readonly string[]): HostTree {
  const directories = new Map<string, Map<string, HostEntry>>([['/', new Map()]])
  for (const path of paths) {
    const [place = '', target] = path.split(' -> ')
    const parts = place.split('/').filter(Boolean)
    for (const [i, name] of parts.entries()) {
      const parent = `/${parts.slice(0, i).join('/')}`
      const isLast = i === parts.length - 1
      const isDirectory = !isLast || place.endsWith('/')
      const entry: HostEntry =
        isLast && target !== undefined
          ? { name, kind: 'link', target }
          : { name, kind: isDirectory ? 'directory' : 'file' }
      directories.get(parent)!.set(name, directories.get(parent)!.get(name) ?? entry)
      const own = `/${parts.slice(0, i + 1).join('/')}`
      if (isDirectory && !directories.has(own)) directories.set(own, new Map())
    }
  }
  return {
    list: (directory) => {
      const found = directories.get(directory)
      return found && [...found.values()]
    },
  }
}

const host = hostOf(
  '/bin -> usr/bin',
  '/usr/bin/',
  '/usr/share/doc/',
  '/usr/share/nginx/html/',
  '/usr/lib/x.so',
  '/opt/app/',
  '/home/me/',
  '/work/secret',
  '/etc/passwd',
  '/etc/shadow',
  '/etc/ssl/certs/',
  '/etc/ssl/private/',
  '/etc/nginx/',
  '/etc/os-release -> ../usr/lib/os-release',
  '/proc/sys/',
  '/proc/keys',
  '/var/lib/dpkg/',
  '/pkg/bin/',
  '/pkg/src/',
  '/pkg/package.json',
  '/pkg/.git/',
  '/vol/data/',
  '/vol/file',
)
const request: RootRequest = { packageRoot: '/pkg', hidePaths: [], volumes: [], files: [] }
const plan = (change: Partial<RootRequest>) => planRoot({ ...request, ...change }, host)
const at = (mounts: readonly Mount[], target: string) =>
  mounts
    .filter((mount) => mount.target === target)
    .map(({ source, options }) => `${source} ${options.join(',')}`)
const READ_ONLY = 'bind,ro,nosuid,nodev'

// What must and must not be seen: issue text ("the host's file system, read-only, …"), the runtime's allow-list.
suite('planRoot()', () => {
  test("binds the host's programs read-only, and nothing that belongs to its users", () => {
    const { mounts, directories, links, copies, files } = plan({})
    assert.deepEqual(at(mounts, '/usr'), [`/usr ${READ_ONLY}`])
    assert.ok(links.some(({ path, target }) => path === '/bin' && target === 'usr/bin'))
    assert.deepEqual(at(mounts, '/opt/app'), [`/opt/app ${READ_ONLY}`])
    assert.deepEqual(at(mounts, '/etc/ssl/certs'), [`/etc/ssl/certs ${READ_ONLY}`])
    assert.deepEqual(copies, [{ from: '/etc/passwd', to: '/etc/passwd' }])
    const named = [...directories, ...files, ...mounts.map(({ target }) => target)]
    for (const secret of ['/work', '/home/me', '/etc/shadow', '/etc/ssl/private', '/var/lib/dpkg'])
      assert.ok(!named.some((path) => path.startsWith(secret)), secret)
    assert.ok(
      directories.includes('/home') &&
        directories.includes('/var/lib') &&
        directories.includes('/root'),
    )
  })
  test('shows Fairlead itself, and nothing else of its folder', () => {
    const { mounts } = plan({})
    assert.deepEqual(
      mounts
        .filter(({ source }) => source.startsWith('/pkg'))
        .map(({ source, target }) => `${source} ${target}`),
      [
        '/pkg/bin /opt/fairlead/bin',
        '/pkg/package.json /opt/fairlead/package.json',
        '/pkg/src /opt/fairlead/src',
      ],
    )
  })
  test("makes the machine's own knobs read-only and its keys unreadable", () => {
    const { mounts } = plan({})
    assert.deepEqual(at(mounts, '/proc/sys'), ['/proc/sys bind,ro,nosuid,nodev,noexec'])
    assert.deepEqual(at(mounts, '/proc/keys'), ['/dev/null bind'])
    const order = mounts.map(({ target }) => target)
    assert.ok(order.indexOf('/proc') < order.indexOf('/proc/sys'))
  })
  test('hides a folder that lies below a bound one, and only then', () => {
    const { mounts } = plan({ hidePaths: ['/usr/share/doc', '/work', '/usr/none'] })
    assert.deepEqual(at(mounts, '/usr/share/doc'), ['tmpfs nosuid,nodev,ro,size=4k,mode=755'])
    assert.ok(!mounts.some(({ target }) => target === '/work' || target === '/usr/none'))
  })

  const volumes = [
    { name: 'on a new path', target: '/data', place: '/data' },
    {
      name: 'on a directory of the host',
      target: '/usr/share/nginx/html',
      place: '/usr/share/nginx/html',
    },
    { name: 'through a link', target: '/var/run/app', place: '/run/app' },
    { name: 'on an untidy path', target: '/data//x/../y/', place: '/data/y' },
  ]
  for (const { name, target, place } of volumes) {
    test(`mounts a volume ${name}`, () => {
      const { mounts, directories } = plan({
        volumes: [{ source: '/vol/data', target, readOnly: true }],
      })
      assert.deepEqual(at(mounts, place).slice(-1), ['/vol/data bind,ro'])
      assert.ok(directories.includes(place) || place.startsWith('/usr/'))
    })
  }
  test('opens up a directory of the host that lacks the mount point', () => {
    const { mounts, directories } = plan({
      volumes: [{ source: '/vol/data', target: '/usr/share/new/deep', readOnly: false }],
    })
    assert.deepEqual(at(mounts, '/usr'), [])
    assert.deepEqual(at(mounts, '/usr/bin'), [`/usr/bin ${READ_ONLY}`])
    assert.deepEqual(at(mounts, '/usr/share/nginx'), [`/usr/share/nginx ${READ_ONLY}`])
    assert.ok(directories.includes('/usr/share/new/deep'))
    assert.deepEqual(at(mounts, '/usr/share/new/deep'), ['/vol/data bind'])
  })
  test('mounts an outer volume before the one inside it', () => {
    const { mounts } = plan({
      volumes: [
        { source: '/vol/file', target: '/a/b', readOnly: true },
        { source: '/vol/data', target: '/a', readOnly: true },
      ],
    })
    const order = mounts.map(({ target }) => target)
    assert.ok(order.indexOf('/a') < order.indexOf('/a/b'))
  })

  const refused = [
    { name: 'a relative path', bind: { source: '/vol/data', target: 'data' } },
    { name: 'the root', bind: { source: '/vol/data', target: '/' } },
    { name: 'a directory on a file', bind: { source: '/vol/data', target: '/etc/passwd' } },
    { name: 'a path below a file', bind: { source: '/vol/data', target: '/usr/lib/x.so/y' } },
  ]
  for (const { name, bind } of refused)
    test(`refuses ${name}`, () =>
      assert.throws(() => plan({ volumes: [{ ...bind, readOnly: true }] }), {
        name: 'RangeError',
        message: /^Cannot mount/,
      }))
})

suite('text for the shell', () => {
  const words = ['plain', "it's", '$(id)', '`id`', 'a\nb', '"', '\\', '!', '-n', '']
  for (const word of words) {
    test(`quote(${JSON.stringify(word)}) is read back by sh`, () =>
      assert.equal(
        execFileSync('sh', ['-c', `printf %s ${quote(word)}`], { encoding: 'utf8' }),
        word,
      ))
  }
  test('quote() refuses NUL', () => assert.throws(() => quote('a\0b'), RangeError))
  test('renderFstab() escapes as fstab(5) says', () => {
    const mount: Mount = { source: '/a b', target: '/c\td', type: 'none', options: ['bind', 'ro'] }
    assert.equal(renderFstab('/r', [mount]), '/a\\040b /r/c\\011d none bind,ro 0 0\n')
  })
  test('renderSetup() is a script that sh can parse, whatever the pod says', () => {
    const script = renderSetup({
      directory: "/tmp/it's here",
      podUID: 'uid',
      stdin: false,
      tty: false,
      root: plan({ volumes: [{ source: '/vol/data', target: "/da'ta $(x)", readOnly: true }] }),
      privileges: ['setpriv', '--no-new-privs', '--'],
      env: [{ name: 'A B', value: '$(rm)\n"' }],
      workingDir: '/w `x`',
      command: ['sh', '-c', "echo 'x'; exit"],
    })
    execFileSync('sh', ['-n'], { input: script })
  })
})
