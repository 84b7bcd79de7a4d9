/** What of a request for a certificate (PKCS #10) its signer looks at. */
export interface CertificateRequestContent {
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly dnsNames: readonly string[]
  readonly ipAddresses: readonly string[]
  readonly emailAddresses: readonly string[]
  readonly uris: readonly string[]
}

export const CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client'
export const KUBELET_CLIENT_SIGNER = 'kubernetes.io/kube-apiserver-client-kubelet'
export const KUBELET_SERVING_SIGNER = 'kubernetes.io/kubelet-serving'

const NODES = 'system:nodes'
const NODE_PREFIX = 'system:node:'

/**
 * Why one of Kubernetes' own signers must not sign; undefined where it may. Order and sentences are upstream's: pkg/apis/certificates/v1/helpers.go
 * and pkg/controller/certificates/signer/signer.go (`validAPIServerClientUsages`).
 */
export function signerRefusal(
  signerName: string,
  content: CertificateRequestContent,
  usages: readonly string[],
): string | undefined {
  if (signerName === KUBELET_SERVING_SIGNER) return refuseKubeletServing(content, usages)
  if (signerName === KUBELET_CLIENT_SIGNER) return refuseKubeletClient(content, usages)
  if (signerName === CLIENT_SIGNER) return refuseClient(usages)
  return `unrecognized signerName: ${JSON.stringify(signerName)}`
}

function refuseKubeletServing(
  {
    commonName,
    organizations,
    dnsNames,
    ipAddresses,
    emailAddresses,
    uris,
  }: CertificateRequestContent,
  usages: readonly string[],
): string | undefined {
  if (!isOfNodes(organizations)) return 'subject organization is not system:nodes'
  if (dnsNames.length === 0 && ipAddresses.length === 0)
    return 'DNS or IP subjectAltName is required'
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (uris.length > 0) return 'URI subjectAltNames are not allowed'
  return refuseUsages(usages, 'server auth') ?? refuseName(commonName)
}

function refuseKubeletClient(
  {
    commonName,
    organizations,
    dnsNames,
    ipAddresses,
    emailAddresses,
    uris,
  }: CertificateRequestContent,
  usages: readonly string[],
): string | undefined {
  if (!isOfNodes(organizations)) return 'subject organization is not system:nodes'
  if (dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (emailAddresses.length > 0) return 'Email subjectAltNames are not allowed'
  if (ipAddresses.length > 0) return 'IP subjectAltNames are not allowed'
  if (uris.length > 0) return 'URI subjectAltNames are not allowed'
  return refuseName(commonName) ?? refuseUsages(usages, 'client auth')
}

function refuseClient(usages: readonly string[]): string | undefined {
  const allowed = ['digital signature', 'key encipherment', 'client auth']
  const other = usages.find((usage) => !allowed.includes(usage))
  if (other !== undefined) return `invalid usage for client certificate: ${other}`
  if (usages.includes('client auth')) return undefined
  return 'missing required usage for client certificate: client auth'
}

const isOfNodes = (organizations: readonly string[]) =>
  organizations.length === 1 && organizations[0] === NODES

const refuseName = (commonName: string) =>
  commonName.startsWith(NODE_PREFIX)
    ? undefined
    : 'subject common name does not begin with system:node:'

/** Exactly these usages; keys that are not RSA need no encipherment. The list is told sorted, as Go prints a set. */
function refuseUsages(usages: readonly string[], purpose: string): string | undefined {
  const given = new Set(usages)
  const required = ['digital signature', purpose]
  const rest = given.size - (given.has('key encipherment') ? 1 : 0)
  if (required.every((usage) => given.has(usage)) && rest === required.length) return undefined
  return `usages did not match [${[...required, 'key encipherment'].sort().join(' ')}]`
}
