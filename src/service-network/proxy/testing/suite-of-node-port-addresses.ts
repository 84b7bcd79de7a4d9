import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { waitFor } from '#testing/wait-for.ts'
import { parseNodePortAddresses } from '../../model.ts'
import type { ProxyMode } from '../mode.ts'
import { inFamily } from './in-family.ts'
import { createNodeLab, type NodeLab } from './node-lab.ts'
import { portOf, serviceOf, sliceOf } from './objects.ts'
import { A, B, DUAL_STACK_OPTIONS, NODE, OUTSIDE } from './packet-flows.ts'

const PORT = 30_080
/** The node's address on the pods' bridge. */
const BRIDGE = '10.244.1.1'

interface Row {
  readonly addresses: readonly string[]
  /** Where the port is open; elsewhere it is refused. */
  readonly open: readonly Place[]
}

type Place = 'primary' | 'bridge' | '127.0.0.1' | '::1'

/** facts/services.md 0, "localhost NodePort on nftables", and 1.1, "nodePort", "localhost NodePort". */
const ROWS: readonly Row[] = [
  { addresses: ['primary'], open: ['primary'] },
  { addresses: ['primary', 'localhost'], open: ['primary', '127.0.0.1', '::1'] },
  { addresses: ['all'], open: ['primary', 'bridge', '127.0.0.1', '::1'] },
  { addresses: ['10.244.0.0/16'], open: ['bridge'] },
  { addresses: ['172.30.0.0/24', '127.0.0.0/8'], open: ['primary', '127.0.0.1'] },
  { addresses: ['::1/128'], open: ['::1'] },
]

/**
 * On which of the node's addresses a nodePort is open, as packets.
 *
 * @param options `withoutIPv6Localhost`: rules alone cannot open it there, as in kube-proxy's iptables mode
 */
export function suiteOfNodePortAddresses(
  mode: ProxyMode,
  { withoutIPv6Localhost = false } = {},
): void {
  suite(`nodePortAddresses, by ${mode}`, () => {
    let cluster: NodeLab
    before(async () => {
      cluster = await createNodeLab()
      const web = serviceOf('web', {
        type: 'NodePort',
        clusterIP: '10.96.1.1',
        ports: portOf(80, { nodePort: PORT }),
      })
      const [web6, slice6] = inFamily(6, [{ ...web }, sliceOf('web', [A])] as const)
      await cluster.put(web, sliceOf('web', [A]))
      await cluster.put(
        { ...web6, metadata: { ...web6.metadata, name: 'web6' } },
        {
          ...slice6,
          metadata: {
            ...slice6.metadata,
            name: 'web6-x',
            labels: { 'kubernetes.io/service-name': 'web6' },
          },
        },
      )
    })
    after(() => cluster?.[Symbol.dispose]())

    const placesOf: readonly (readonly [Place, string, string])[] = [
      ['primary', OUTSIDE, NODE],
      ['bridge', B, BRIDGE],
      ['127.0.0.1', NODE, '127.0.0.1'],
      ['::1', NODE, '::1'],
    ]
    for (const { addresses, open } of ROWS)
      test(addresses.join(','), async () => {
        const proxy = await cluster.startProxy({
          ...DUAL_STACK_OPTIONS,
          mode,
          nodePortAddresses: parseNodePortAddresses(addresses),
        })
        try {
          const found: Place[] = []
          for (const [place, from, address] of placesOf) {
            const question = { protocol: 'tcp', address, port: PORT } as const
            const [reply] = await cluster.ask(from, [question])
            const [answer = ''] = reply!.answers
            if (answer.startsWith('a ')) found.push(place)
            else assert.match(answer, /^(ECONNREFUSED|timeout)$/, place)
          }
          const wanted = open.filter((place) => !(withoutIPv6Localhost && place === '::1'))
          assert.deepEqual(found, wanted)
        } finally {
          await proxy.stop()
        }
      })

    test('all, also one that comes later, at once', async () => {
      const proxy = await cluster.startProxy({
        ...DUAL_STACK_OPTIONS,
        mode,
        nodePortAddresses: parseNodePortAddresses(['all']),
      })
      try {
        const late = '10.244.1.99'
        cluster.lab.exec(cluster.node, ['ip', 'address', 'add', `${late}/32`, 'dev', 'cni0'])
        const question = { protocol: 'tcp', address: late, port: PORT } as const
        await waitFor(
          async () => (await cluster.ask(B, [question]))[0]!.answers[0]!.startsWith('a '),
          { what: 'the port to be open there' },
        )
      } finally {
        await proxy.stop()
      }
    })
  })
}
