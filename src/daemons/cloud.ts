/** The nodes' router as a cloud's: its routes by HTTP, for nodes with the backend `cloud`. Holds nothing: the kernel does. */
import { parseArgs } from 'node:util'
import { openRtnetlink } from '#kernel/netlink/rtnetlink.ts'
import { createLog } from '#log/log.ts'
import {
  createRouterNetwork,
  serveRouteTable,
} from '#pod-network/flannel/cloud/serve-route-table.ts'
import { runDaemon } from './run-daemon.ts'

const { values } = parseArgs({
  options: {
    listen: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '80' },
  },
})
await runDaemon(createLog('cloud'), async (log, signal) => {
  using rtnetlink = openRtnetlink()
  const { promise, resolve } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => resolve())
  await using table = await serveRouteTable(createRouterNetwork(rtnetlink), {
    address: values.listen,
    port: Number(values.port),
  })
  log.info('Serving the table of routes', { url: table.url })
  await promise
})
