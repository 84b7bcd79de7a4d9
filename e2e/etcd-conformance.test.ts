import { after, before, suite } from 'node:test'
import { testStore } from '#apiserver/storage/conformance.ts'
import { openEtcdStore } from '#apiserver/storage/etcd/etcd-store.ts'
import { startTestEtcd, type TestEtcd } from './support/etcd.ts'

for (const members of [1, 3]) {
  suite(`etcd with ${members} member${members > 1 ? 's' : ''}`, () => {
    let etcd: TestEtcd
    let stores = 0
    before(async () => {
      etcd = await startTestEtcd(members)
    })
    after(() => etcd[Symbol.asyncDispose]())
    testStore('etcd', (place = String(++stores)) =>
      openEtcdStore({ ...etcd.access, prefix: `/test/${place}` }),
    )
  })
}
