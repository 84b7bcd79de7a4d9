import { familyOf, type IP } from '#ip/ip.ts'
import type { Question } from '#wire/dns/message.ts'
import { type DomainName, labelsBelow, labelsOf, nameKey } from '#wire/dns/name.ts'
import { type DNSRecord, type SOA, TYPE } from '#wire/dns/record.ts'
import { type Answer, bareAnswer } from './answer.ts'
import type { ClusterIndex } from './cluster-index.ts'
import { lookupName, type NameRecords } from './lookup-name.ts'
import { parseReverseName } from './reverse-name.ts'

export interface ClusterZone {
  /** The cluster's domain, `cluster.local`. */
  readonly zone: DomainName
  readonly ttlSeconds: number
  /** Where this server is reached, for `ns.dns.<zone>`. */
  readonly serverAddresses: readonly IP[]
}

/** How long the schema version may be believed: the specification's example. */
const SCHEMA_VERSION_TTL_SECONDS = 28800

/**
 * Answers what the cluster's own zone and reverse zones know.
 * @returns `undefined` for names that are not the cluster's: other zones, and addresses without a Service
 */
export function answerCluster(
  question: Question,
  index: ClusterIndex,
  zone: ClusterZone,
): Answer | undefined {
  const labels = labelsBelow(question.name, zone.zone)
  if (labels) return answerInZone(question, labels, index, zone)
  return answerReverse(question, index, zone)
}

function answerInZone(
  question: Question,
  labels: readonly string[],
  index: ClusterIndex,
  zone: ClusterZone,
): Answer {
  // The zone is spelled as the client spelled it, also in names that we make.
  const apex = labelsOf(question.name).slice(labels.length).join('.') as DomainName
  const soa = planSOA(apex, index, zone)
  const nameServer = `ns.dns.${apex}` as DomainName
  if (labels.length === 0 && question.type === TYPE.SOA) return positive([soa])
  if (labels.length === 0 && question.type === TYPE.NS) {
    const record = { name: question.name, ttlSeconds: zone.ttlSeconds }
    return positive(
      [{ ...record, type: 'NS', target: nameServer }],
      addressRecords(nameServer, zone.serverAddresses, zone),
    )
  }
  // "There is no such name" must not be said before all was listed.
  if (!index.isSynced) return bareAnswer('SERVFAIL')
  const records =
    nameKey(question.name) === nameKey(nameServer)
      ? { addresses: zone.serverAddresses }
      : lookupName(
          labels.map((label) => label.toLowerCase()),
          index,
        )
  if (!records) return { ...positive([]), rcode: 'NXDOMAIN', authority: [soa] }
  const answer = select(question, records, apex, zone)
  return answer.answers.length > 0 ? answer : { ...answer, authority: [soa] }
}

function select(
  { name, type }: Question,
  records: NameRecords,
  apex: DomainName,
  zone: ClusterZone,
): Answer {
  const base = { name, ttlSeconds: zone.ttlSeconds }
  const isAddress = type === TYPE.A || type === TYPE.AAAA
  if (records.alias && (isAddress || type === TYPE.CNAME)) {
    return positive([{ ...base, type: 'CNAME', target: records.alias }])
  }
  if (isAddress) {
    const wanted = type === TYPE.A ? 'A' : 'AAAA'
    const addresses = addressRecords(name, records.addresses ?? [], zone)
    return positive(addresses.filter((record) => record.type === wanted))
  }
  if (type === TYPE.TXT && records.text) {
    const texts = [records.text]
    return positive([{ name, ttlSeconds: SCHEMA_VERSION_TTL_SECONDS, type: 'TXT', texts }])
  }
  return type === TYPE.SRV && records.srv ? planSRV(name, records.srv(), apex, zone) : positive([])
}

function planSRV(
  name: DomainName,
  targets: ReturnType<NonNullable<NameRecords['srv']>>,
  apex: DomainName,
  zone: ClusterZone,
): Answer {
  // Equal shares of 100, as CoreDNS gives them.
  const weight = Math.max(1, Math.floor(100 / targets.length))
  const glue = new Map<string, readonly DNSRecord[]>()
  const answers = targets.map(({ host, port, addresses }): DNSRecord => {
    const target = `${host}.${apex}` as DomainName
    if (!glue.has(target)) glue.set(target, addressRecords(target, addresses, zone))
    return { name, ttlSeconds: zone.ttlSeconds, type: 'SRV', priority: 0, weight, port, target }
  })
  return positive(answers, [...glue.values()].flat())
}

function answerReverse(
  { name, type }: Question,
  index: ClusterIndex,
  zone: ClusterZone,
): Answer | undefined {
  const reverse = parseReverseName(name)
  if (!reverse) return
  if (!index.isSynced) return bareAnswer('SERVFAIL')
  const services = index.servicesAt(reverse.address)
  if (services.length === 0) return
  if (type !== TYPE.PTR) return { ...positive([]), authority: [planSOA(reverse.zone, index, zone)] }
  const targets = services.flatMap(({ namespace, name: service, isHeadless, endpoints }) => {
    const host = `${service}.${namespace}.svc.${zone.zone}`
    if (!isHeadless) return [host]
    const own = endpoints.filter(({ address }) => address === reverse.address)
    return own.map(({ hostname }) => `${hostname}.${host}`)
  })
  return positive(
    [...new Set(targets)].map((target) => ({
      name,
      ttlSeconds: zone.ttlSeconds,
      type: 'PTR',
      target: target as DomainName,
    })),
  )
}

/** Serial numbers and timers are CoreDNS's, which people's checks know. */
function planSOA(
  apex: DomainName,
  index: ClusterIndex,
  { zone, ttlSeconds }: ClusterZone,
): DNSRecord & SOA {
  return {
    name: apex,
    ttlSeconds: Math.min(ttlSeconds, 300),
    type: 'SOA',
    mname: `ns.dns.${zone}` as DomainName,
    rname: `hostmaster.${zone}` as DomainName,
    serial: index.serial,
    refresh: 7200,
    retry: 1800,
    expire: 86400,
    minimum: ttlSeconds,
  }
}

function addressRecords(
  name: DomainName,
  addresses: readonly IP[],
  { ttlSeconds }: ClusterZone,
): readonly DNSRecord[] {
  return addresses.map((address) => ({
    name,
    ttlSeconds,
    type: familyOf(address) === 4 ? 'A' : 'AAAA',
    address,
  }))
}

function positive(answers: readonly DNSRecord[], additional: readonly DNSRecord[] = []): Answer {
  return { rcode: 'NOERROR', authoritative: true, answers, authority: [], additional }
}
