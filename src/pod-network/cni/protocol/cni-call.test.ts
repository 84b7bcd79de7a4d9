import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type CNIEnvironment, parseCall, requireKnownArgs } from './cni-call.ts'
import { CNIError } from './cni-error.ts'

const env: CNIEnvironment = {
  CNI_COMMAND: 'ADD',
  CNI_CONTAINERID: 'c1',
  CNI_NETNS: '/run/netns/c1',
  CNI_IFNAME: 'eth0',
  CNI_PATH: '/opt/cni/bin',
}
const config = { cniVersion: '1.0.0', name: 'net', type: 'bridge' }

function parse(changes: CNIEnvironment, stdin: unknown = config) {
  const text = typeof stdin === 'string' ? stdin : JSON.stringify(stdin)
  return parseCall({ ...env, ...changes }, Buffer.from(text))
}

// Codes and texts: facts/pod-network.md 1.3, seen with Debian's containernetworking-plugins 1.1.1; GC and STATUS from skel.go of containernetworking/cni.
const refusals: readonly {
  readonly name: string
  readonly env?: CNIEnvironment
  readonly stdin?: unknown
  readonly code: number
  readonly message: string | RegExp
  readonly details?: RegExp
}[] = [
  {
    name: 'an unknown command',
    env: { CNI_COMMAND: 'FOO' },
    code: 4,
    message: 'unknown CNI_COMMAND: FOO',
  },
  {
    name: 'an unknown command with a bad configuration by the configuration',
    env: { CNI_COMMAND: 'FOO' },
    stdin: {},
    code: 7,
    message: 'missing network name',
  },
  {
    name: 'ADD without container and namespace',
    env: { CNI_CONTAINERID: undefined, CNI_NETNS: undefined },
    code: 4,
    message: 'required env variables [CNI_CONTAINERID,CNI_NETNS] missing',
  },
  {
    name: 'DEL without an interface; a namespace it does not need',
    env: { CNI_COMMAND: 'DEL', CNI_NETNS: undefined, CNI_IFNAME: '' },
    code: 4,
    message: 'required env variables [CNI_IFNAME] missing',
  },
  {
    name: 'GC without a path',
    env: { CNI_COMMAND: 'GC', CNI_PATH: undefined },
    code: 4,
    message: 'required env variables [CNI_PATH] missing',
  },
  {
    name: 'a container ID that leads elsewhere',
    env: { CNI_CONTAINERID: '../x' },
    code: 4,
    message: 'invalid characters in containerID',
  },
  {
    name: 'an interface name with a slash',
    env: { CNI_IFNAME: 'a/b' },
    code: 4,
    message: 'interface name contains / or : or whitespace characters',
  },
  {
    name: 'an interface name of 16 characters',
    env: { CNI_IFNAME: 'abcdefghijklmnop' },
    code: 4,
    message: 'interface name is too long',
  },
  { name: 'no configuration', stdin: '', code: 6, message: /^error unmarshall network config: / },
  {
    name: 'half a configuration',
    stdin: '{"a',
    code: 6,
    message: /^error unmarshall network config: /,
  },
  { name: 'a list', stdin: [1], code: 6, message: /^error unmarshall network config: / },
  {
    name: 'a name that is a number',
    stdin: { ...config, name: 1 },
    code: 6,
    message: /name is not a string/,
  },
  {
    name: 'a network name with a space',
    stdin: { ...config, name: 'a b' },
    code: 7,
    message: 'invalid characters found in network name',
  },
  {
    name: 'a version from the future',
    stdin: { ...config, cniVersion: '9.9.9' },
    code: 1,
    message: 'incompatible CNI versions',
    // What Debian's bridge prints, with the version that it does not know.
    details:
      /^config is "9\.9\.9", plugin supports \["0\.1\.0" "0\.2\.0" "0\.3\.0" "0\.3\.1" "0\.4\.0" "1\.0\.0" "1\.1\.0"\]$/,
  },
  {
    name: 'CHECK before 0.4.0',
    env: { CNI_COMMAND: 'CHECK' },
    stdin: { ...config, cniVersion: '0.3.1' },
    code: 1,
    message: 'config version does not allow CHECK',
  },
  {
    name: 'GC before 1.1.0',
    env: { CNI_COMMAND: 'GC' },
    code: 1,
    message: 'config version does not allow GC',
  },
  {
    name: 'STATUS before 1.1.0',
    env: { CNI_COMMAND: 'STATUS' },
    code: 1,
    message: 'config version does not allow STATUS',
  },
  {
    name: 'a previous result that is none',
    stdin: { ...config, prevResult: { ips: [{ address: 'x' }] } },
    code: 6,
    message: 'could not parse prevResult: invalid CIDR address: x',
  },
  {
    name: 'an argument without a value',
    env: { CNI_ARGS: 'IgnoreUnknown' },
    code: 999,
    message: 'ARGS: invalid pair "IgnoreUnknown"',
  },
]

suite('parseCall() refuses', () => {
  for (const { name, env: changes = {}, stdin = config, code, message, details } of refusals) {
    test(name, () => {
      assert.throws(
        () => parse(changes, stdin),
        (error: unknown) => {
          assert.ok(error instanceof CNIError, String(error))
          assert.equal(error.code, code)
          if (typeof message === 'string') assert.equal(error.message, message)
          else assert.match(error.message, message)
          if (details) assert.match(error.details, details)
          return true
        },
      )
    })
  }
})

suite('parseCall()', () => {
  test('takes what is there', () => {
    const call = parse({ CNI_ARGS: 'IgnoreUnknown=1;K8S_POD_NAME=a=b', CNI_PATH: '/a::/b' })
    assert.equal(call.verb, 'ADD')
    assert.equal(call.cniVersion, '1.0.0')
    assert.deepEqual(
      [...call.args],
      [
        ['IgnoreUnknown', '1'],
        ['K8S_POD_NAME', 'a=b'],
      ],
    )
    assert.deepEqual(call.path, ['/a', '/b'])
  })

  test('takes no version for 0.1.0 (SPEC.md 0.1.0 had no such key)', () => {
    assert.equal(parse({}, { name: 'net' }).cniVersion, '0.1.0')
  })

  test('DEL needs no namespace', () => {
    assert.equal(parse({ CNI_COMMAND: 'DEL', CNI_NETNS: '' }).netns, '')
  })

  test('reads keys in any case, an exact one first, as Go does', () => {
    const { config } = parse(
      {},
      { Name: 'net', runtimeconfig: { PORTMAPPINGS: [1] }, mtu: 1, MTU: 2 },
    )
    assert.deepEqual(config.object('runtimeConfig').list('portMappings'), [1])
    assert.equal(config.number('mtu'), 1)
  })

  test('an object is not asked for what all objects have', () => {
    assert.equal(parse({}).config.raw('constructor'), undefined)
  })
})

suite('requireKnownArgs()', () => {
  // facts/pod-network.md 1.3: CNI_ARGS FOO=1
  test('refuses what nobody knows', () => {
    const call = parse({ CNI_ARGS: 'FOO=1;IP=10.0.0.1' })
    assert.throws(
      () => requireKnownArgs(call, ['IP']),
      /^CNIError: ARGS: unknown args \["FOO=1"\]$/,
    )
  })
  test('unless it is told not to', () => {
    requireKnownArgs(parse({ CNI_ARGS: 'FOO=1;IgnoreUnknown=true' }), [])
  })
})
