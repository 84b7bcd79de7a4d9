import type { TLSSocket } from 'node:tls'

/** The API server towards agents, in every cluster that Fairlead or kubeadm made. */
const API_SERVER = 'kube-apiserver-kubelet-client'
const ADMINISTRATORS = 'system:masters'

/** Whether the certificate is one of those that may run commands in containers: other components of the cluster hold one too. */
export function mayAsk(socket: TLSSocket): boolean {
  const { CN, O } = socket.getPeerCertificate().subject ?? {}
  // A repeated attribute arrives as an array, though the type knows single ones only.
  const names: unknown[] = [CN ?? []].flat()
  const organizations: unknown[] = [O ?? []].flat()
  return names.includes(API_SERVER) || organizations.includes(ADMINISTRATORS)
}
