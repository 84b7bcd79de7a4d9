import {
  fuzzAnnotations,
  fuzzLeases,
  fuzzNetConf,
} from '../src/pod-network/flannel/testing/fuzz-flannel.ts'
import { fuzzPlugins } from '../src/pod-network/testing/fuzz-plugins.ts'
import type { SoakOptions } from './soak-options.ts'

export const rounds = 10_000

/** flannel's own, on a node of its (facts/pod-network.md 3.2). */
const ANNOTATIONS = {
  'flannel.alpha.coreos.com/kube-subnet-manager': 'true',
  'flannel.alpha.coreos.com/backend-type': 'vxlan',
  'flannel.alpha.coreos.com/backend-data': '{"VNI":1,"VtepMAC":"02:00:00:00:00:02"}',
  'flannel.alpha.coreos.com/public-ip': '172.30.0.12',
  'flannel.alpha.coreos.com/backend-v6-data': '{"VNI":1,"VtepMAC":"02:00:00:00:06:02"}',
  'flannel.alpha.coreos.com/public-ipv6': 'fd00:172:30::12',
}

/** What reaches the pod network from outside, each `rounds` times: CNI calls, annotations of nodes, leases, net-conf.json. */
export async function soak({ seed, rounds: runs, log }: SoakOptions): Promise<void> {
  await fuzzPlugins({ seed, runs })
  log(`seed ${seed}: ${runs} CNI calls`)
  fuzzAnnotations(ANNOTATIONS, { seed, runs })
  fuzzLeases({ seed, runs })
  const good = fuzzNetConf({ seed, runs })
  log(`seed ${seed}: ${runs} annotations, leases and net-confs, of which ${good} were good`)
}
