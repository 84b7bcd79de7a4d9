import type { Service, ServiceSpec } from '#api/core.ts'
import { invalid as invalidField } from '#api/field-error.ts'
import { services } from '#api/resources.ts'
import { internal, invalid } from '#api/status.ts'
import { type IP, parseIP } from '#ip/ip.ts'
import type { Pool } from './address-pool.ts'
import { planFamilies } from './plan-families.ts'
import type { Transaction } from './transaction.ts'

const FAMILIES = ['IPv4'] as const

/** The cluster IPs that a stored Service holds. */
export function heldAddresses({ spec }: Service): IP[] {
  if (spec.type === 'ExternalName') return []
  const texts = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : []
  return texts.flatMap((text) => parseIP(text) ?? []) // `None` is none
}

/** Gives a Service that has no cluster IP the one it asks for, or any. @throws StatusError */
export function allocateAddresses(
  service: Service,
  pool: Pool<IP>,
  transaction: Transaction,
): Service {
  const plan = planFamilies(service.spec, FAMILIES)
  if (plan.kind === 'refused') throw invalid(services, service.metadata.name, plan.errors)
  const { spec } = plan
  if (spec.type === 'ExternalName' || spec.clusterIPs?.[0] === 'None') return { ...service, spec }
  const wanted = spec.clusterIPs?.[0] || spec.clusterIP
  const address = wanted ? parseIP(wanted) : undefined
  if (wanted && !address) return { ...service, spec } // validation says what is wrong with it
  const taken = transaction.take(pool, address)
  if (taken.kind !== 'taken') throw refuse(service, spec, address, taken.message)
  const clusterIPs = spec.clusterIPs?.length ? spec.clusterIPs : [taken.value]
  return { ...service, spec: { ...spec, clusterIP: clusterIPs[0]!, clusterIPs } }
}

function refuse({ metadata }: Service, spec: ServiceSpec, wanted: IP | undefined, why: string) {
  if (wanted === undefined) return internal(`failed to allocate a serviceIP: ${why}`)
  const detail = `failed to allocate IP ${wanted}: ${why}`
  const clusterIPs = spec.clusterIPs?.length ? spec.clusterIPs : [wanted]
  return invalid(services, metadata.name, [invalidField('spec.clusterIPs', clusterIPs, detail)])
}
