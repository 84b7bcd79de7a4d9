import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { openNftSocket } from '#kernel/nft/nft-socket.ts'
import { openNft } from '#kernel/nft/open-nft.ts'
import { createLab } from '#testing/netns.ts'
import { planServiceModel } from '../../../model.ts'
import { inFamily } from '../../testing/in-family.ts'
import { portOf, serviceOf, sliceOf } from '../../testing/objects.ts'
import { A, B, C, OPTIONS, SERVICES, SLICES } from '../../testing/packet-flows.ts'
import { diffPlans } from '../diff-plans.ts'
import { planProxy } from '../plan-proxy.ts'
import { renderChanges, replaceTable, tableOf } from '../render.ts'
import { normalizedListing } from '../testing/normalized-listing.ts'
import { encodeChanges, encodeRemoval, encodeTable } from './encode-plan.ts'

const SPREAD = serviceOf('spread', { clusterIP: '10.96.0.40', ports: portOf(80) })

/** nft 1.0.6 has no words for the named set there (render.ts). */
function normalized(listing: string): readonly string[] {
  const text = listing.replaceAll(/meta l4proto \{[^}]*\}/g, 'meta l4proto @ported-protocols')
  return normalizedListing(text)
}

for (const family of [4, 6] as const) {
  suite(`encodeTable() in IPv${family}`, () => {
    const options = inFamily(family, OPTIONS)
    const planOf = (endpoints: readonly string[], previous?: ReturnType<typeof planProxy>) => {
      const slices = [...SLICES, sliceOf('spread', endpoints)]
      const services = [...SERVICES, SPREAD]
      const model = planServiceModel(inFamily(family, services), inFamily(family, slices), options)
      return planProxy(model, options, previous)
    }
    const list = `list table ${tableOf(family)}`

    test('makes what nft(8) makes of the same plan, and changes do', () => {
      using lab = createLab()
      const [byText, byMessages] = [lab.netns('a'), lab.netns('b')]
      using nft = openNft(byText)
      using socket = openNftSocket(byMessages)
      using observer = openNft(byMessages)
      const compare = () =>
        assert.deepEqual(normalized(observer.read(list)), normalized(nft.read(list)))

      const first = planOf([A, B])
      nft.commit(replaceTable(first))
      socket.commit((writer) => encodeTable(writer, first))
      compare()
      const second = planOf([A, B, C], first)
      const changes = diffPlans(first, second)
      nft.commit(renderChanges(changes, family))
      socket.commit((writer) => encodeChanges(writer, changes, family))
      compare()
      nft.commit(replaceTable(second))
      socket.commit((writer) => encodeTable(writer, second))
      compare()
      socket.commit((writer) => encodeRemoval(writer, family))
      assert.equal(observer.read('list tables'), '')
      socket.commit((writer) => encodeRemoval(writer, family))
    })

    test('a change that the kernel refuses changes nothing, and says why', () => {
      using lab = createLab()
      const netns = lab.netns('a')
      using socket = openNftSocket(netns)
      using observer = openNft(netns)
      const first = planOf([A])
      socket.commit((writer) => encodeTable(writer, first))
      const before = observer.read(list)
      const changes = diffPlans(first, planOf([A, B], first))
      const missing = { set: 'cluster-ips', key: [inFamily(family, ip('10.96.9.9'))] } as const
      assert.throws(
        () =>
          socket.commit((writer) =>
            encodeChanges(writer, { ...changes, deleted: [...changes.deleted, missing] }, family),
          ),
        { name: 'KernelError', errno: 'ENOENT' },
      )
      assert.equal(observer.read(list), before)
      socket.commit((writer) => encodeChanges(writer, changes, family))
      assert.notEqual(observer.read(list), before)
    })
  })
}
