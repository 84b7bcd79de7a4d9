/** The agent under test as a process: its API is the test's, over the channel to its parent. */
import { join, resolve } from 'node:path'
import * as resources from '#api/resources.ts'
import { createInformer } from '#client/create-informer.ts'
import { ip } from '#ip/ip.ts'
import { createLog } from '#log/log.ts'
import { runNodeAgent } from '../agent.ts'
import { createBridgedAPI } from './api-bridge.ts'
import { createRoutedPods } from './routed-pods.ts'

const [folder = '', pki = '', network = ''] = process.argv.slice(2)
const abort = new AbortController()
process.on('SIGTERM', () => abort.abort())
process.on('disconnect', () => process.exit(1))

const { api, receive } = createBridgedAPI((call) => process.send?.(call))
process.on('message', receive)
const server = pki ? { server: { ...JSON.parse(pki), port: 10250 } } : {}

await runNodeAgent(
  {
    api,
    nodes: createInformer(api, resources.nodes, abort.signal),
    podNetwork:
      network === 'late'
        ? { ...createRoutedPods(), ready: new Promise<void>(() => {}) }
        : createRoutedPods(),
    log: createLog('agent'),
  },
  {
    nodeName: 'node1',
    nodeIPs: [ip('172.30.0.11')],
    clusterDNS: [ip('10.96.0.10')],
    clusterDomain: 'cluster.local',
    rootDir: join(folder, 'root'),
    runDir: join(folder, 'run'),
    packageRoot: resolve(import.meta.dirname, '../../..'),
    hidePaths: ['/usr/share/doc'],
    kubeletVersion: 'v1.36.0',
    version: '0.1.0',
    resolvConfPath: join(folder, 'resolv.conf'),
    ...server,
  },
  abort.signal,
)
process.exit(0)
