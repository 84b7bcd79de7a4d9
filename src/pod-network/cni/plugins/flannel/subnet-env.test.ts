import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parseSubnetEnv } from './subnet-env.ts'

// flannel-io/cni-plugin, flannel.go
const cases = [
  {
    name: 'nothing',
    text: '',
    message:
      'f is missing FLANNEL_NETWORK, FLANNEL_IPV6_NETWORK, FLANNEL_SUBNET, FLANNEL_IPV6_SUBNET, FLANNEL_MTU, FLANNEL_IPMASQ',
  },
  {
    name: 'a network that is none',
    text: 'FLANNEL_NETWORK=10.0.0.0\n',
    message: 'invalid CIDR address: 10.0.0.0',
  },
  {
    name: 'an MTU that is none',
    text: 'FLANNEL_NETWORK=10.0.0.0/8\nFLANNEL_SUBNET=10.1.0.1/16\nFLANNEL_MTU=x\nFLANNEL_IPMASQ=true\n',
    message: 'strconv.ParseUint: parsing "x": invalid syntax',
  },
]

suite('parseSubnetEnv()', () => {
  for (const { name, text, message } of cases) {
    test(`refuses ${name}`, () => assert.throws(() => parseSubnetEnv(text, 'f'), { message }))
  }

  test('reads several networks, each once', () => {
    const text =
      'FLANNEL_NETWORK=10.0.0.0/8,11.0.0.0/8,10.0.0.0/8\nFLANNEL_SUBNET=10.1.2.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n'
    const { networks, subnet, ipMasq, mtuBytes } = parseSubnetEnv(text, 'f')
    assert.deepEqual(
      networks.map((it) => it.address),
      ['10.0.0.0', '11.0.0.0'],
    )
    assert.deepEqual([subnet?.address, ipMasq, mtuBytes], ['10.1.2.0', false, 1450])
  })

  test('whatever it holds, it is read or refused by a SyntaxError', () => {
    const line = fc.tuple(
      fc.constantFrom('FLANNEL_NETWORK', 'FLANNEL_SUBNET', 'FLANNEL_MTU', 'FLANNEL_IPMASQ', 'X'),
      fc.oneof(fc.string(), fc.constantFrom('10.0.0.0/8', '1450', 'true')),
    )
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          parseSubnetEnv(lines.map(([key, value]) => `${key}=${value}`).join('\n'), 'f')
        } catch (error) {
          assert.ok(error instanceof SyntaxError, String(error))
        }
      }),
    )
  })
})
