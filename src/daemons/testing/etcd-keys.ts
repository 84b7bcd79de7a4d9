/** For tests whose etcd is in another network namespace: `URL put KEY VALUE`, or `URL get PREFIX`, which prints keys and values. */
import { createEtcdClient } from '#etcd/etcd-client.ts'
import { silentLog } from '#log/log.ts'

const [url = '', verb, key = '', value = ''] = process.argv.slice(2)
const etcd = createEtcdClient({ endpoints: [url], log: silentLog, patienceMs: 1000 })
try {
  if (verb === 'put') await etcd.put(key, value)
  else {
    const { items } = await etcd.range({ key, end: `${key}~` })
    for (const item of items) console.log(`${item.key}\n${item.value}`)
  }
} finally {
  etcd.close()
}
