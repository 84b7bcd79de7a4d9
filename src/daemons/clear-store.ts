/** Deletes what a cluster has kept in an etcd that is not its own; called by `down`, from the caller's network. */
import { basename, dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { createRecords } from '#apiserver/storage/etcd/record.ts'
import { layoutOf } from '#cluster/layout.ts'
import { readState } from '#cluster/state-file.ts'
import { planStore } from '#cluster/store-options.ts'
import { createEtcdClient } from '#etcd/etcd-client.ts'
import { createLog } from '#log/log.ts'
import { givenEtcd } from './open-store.ts'

const { values } = parseArgs({ options: { cluster: { type: 'string', default: '' } } })
const state = readState(layoutOf(basename(values.cluster), dirname(values.cluster)))
const plan = state && planStore(state.options)
if (plan?.kind === 'given etcd') {
  const client = createEtcdClient({
    ...givenEtcd(plan, createLog('clear-store')),
    patienceMs: 5_000,
  })
  const { start, end } = createRecords(plan.prefix)
  try {
    await client.deleteRange(start, end)
  } finally {
    client.close()
  }
}
