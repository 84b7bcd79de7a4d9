import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { type DockerOptsSettings, renderDockerOpts } from './docker-opts.ts'

const ENV = `FLANNEL_NETWORK=10.244.0.0/16
FLANNEL_SUBNET=10.244.1.1/24
FLANNEL_MTU=1450
FLANNEL_IPMASQ=true
`
const ALL = { individual: true, combined: true, key: 'DOCKER_OPTS', ipMasq: true }

// What flannel's dist/mk-docker-opts.sh 0.28.9 wrote, by dash, for the same file, flags and environment.
const cases: readonly {
  name: string
  settings?: Partial<DockerOptsSettings>
  env?: Record<string, string>
  text?: string
  want: string
}[] = [
  {
    name: 'no flags',
    want: `DOCKER_OPT_BIP="--bip=10.244.1.1/24"
DOCKER_OPT_IPMASQ="--ip-masq=false"
DOCKER_OPT_MTU="--mtu=1450"
DOCKER_OPTS=" --bip=10.244.1.1/24 --ip-masq=false --mtu=1450"
`,
  },
  {
    name: '-c -k OPTS -m',
    settings: { individual: false, key: 'OPTS', ipMasq: false },
    want: 'OPTS=" --bip=10.244.1.1/24 --mtu=1450"\n',
  },
  {
    name: '-i, the daemon does not masquerade',
    settings: { combined: false },
    text: ENV.replace('IPMASQ=true', 'IPMASQ=false'),
    want: `DOCKER_OPT_BIP="--bip=10.244.1.1/24"
DOCKER_OPT_IPMASQ="--ip-masq=true"
DOCKER_OPT_MTU="--mtu=1450"
`,
  },
  {
    name: '-c, with options in the environment',
    settings: { individual: false },
    env: { DOCKER_OPTS: '--debug', DOCKER_OPT_ZONE: '--zone' },
    want: 'DOCKER_OPTS="--debug  --bip=10.244.1.1/24 --ip-masq=false --mtu=1450 --zone"\n',
  },
  { name: 'no subnet.env', text: '', want: 'DOCKER_OPTS=""\n' },
]

suite('renderDockerOpts() writes what flannel’s script writes for', () => {
  for (const { name, settings, env, text = ENV, want } of cases) {
    test(name, () => assert.equal(renderDockerOpts(text, { ...ALL, ...settings }, env), want))
  }

  test('an IPMASQ that is neither', () => {
    const render = () => renderDockerOpts('FLANNEL_IPMASQ=maybe\n', ALL)
    assert.throws(render, /^Error: Invalid value of FLANNEL_IPMASQ: maybe$/)
  })
})
