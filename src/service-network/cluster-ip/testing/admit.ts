import type { Service, ServicePort, ServiceSpec } from '#api/core.ts'
import { services } from '#api/resources.ts'
import { cidr } from '#ip/cidr.ts'
import { silentLog } from '#log/log.ts'
import { createServiceAdmission } from '../service-admission.ts'
import { MemoryObjects } from './memory-objects.ts'

export const port = (more: Partial<ServicePort> = {}): ServicePort => ({
  port: 80,
  protocol: 'TCP',
  ...more,
})

export type Families = 'v4' | 'v6' | 'v4,v6' | 'v6,v4'

const networks = { v4: cidr('10.96.0.0/27'), v6: cidr('fd00:10:96::/112') }

/** One API server's admission of Services, and the requests that it gets. */
export interface TestAdmission extends Disposable {
  readonly stored: MemoryObjects
  add(spec: ServiceSpec, options?: RequestOptions): Promise<ServiceSpec>
  change(old: ServiceSpec, spec: ServiceSpec, options?: RequestOptions): Promise<ServiceSpec>
  remove(spec: ServiceSpec, name?: string): Promise<void>
}

export interface RequestOptions {
  readonly name?: string
  /** Whether the store took the object; no dry run does. */
  readonly stored?: boolean
  readonly dryRun?: boolean
}

/**
 * A small network: 10.96.0.1-10.96.0.30, static band 10.96.0.1-16; node ports 30000-30031, static 30000-30015. The
 * lowest value of a band comes first unless `random` says otherwise.
 */
export async function createTestAdmission({
  families = 'v4' as Families,
  stored = new MemoryObjects(),
  random = () => 0,
} = {}): Promise<TestAdmission> {
  const admission = createServiceAdmission({
    serviceCIDRs: families.split(',').map((key) => networks[key as 'v4' | 'v6']),
    nodePorts: { from: 30_000, to: 30_031 },
    log: silentLog,
    random,
  })
  await admission.start(stored)
  const send = async (
    operation: 'CREATE' | 'UPDATE' | 'DELETE',
    spec: ServiceSpec,
    { name = 'web', stored: isStored = true, dryRun = false }: RequestOptions,
    old?: ServiceSpec,
  ) => {
    const metadata = { name, namespace: 'default' }
    const object: Service = { metadata, spec }
    const admitted = await admission.admit({
      operation,
      resource: services,
      object,
      ...(old ? { old: { metadata, spec: old } as Service } : {}),
      dryRun,
    })
    await admitted.settle?.(isStored && !dryRun)
    return (admitted.object as Service).spec
  }
  return {
    stored,
    add: (spec, options = {}) => send('CREATE', spec, options),
    change: (old, spec, options = {}) => send('UPDATE', spec, options, old),
    async remove(spec, name = 'web') {
      await send('DELETE', spec, { name })
    },
    [Symbol.dispose]: () => admission.stop(),
  }
}
