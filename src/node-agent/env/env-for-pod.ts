import type { ConfigMap, Container, EnvFromSource, EnvVar, Secret, Service } from '#api/core.ts'
import { nodeAmounts } from '../node-status/node-amounts.ts'
import { expand } from './expand.ts'
import { fieldOf, type PodFields } from './field-ref.ts'
import { resourceOf } from './resource-field.ts'
import { type EnvPair, serviceEnv, servicesFor } from './service-env.ts'

/** The objects that the environment of a container refers to, all of them in the pod's namespace. */
export interface References {
  configMap(name: string): ConfigMap | undefined
  secret(name: string): Secret | undefined
}

/** The container cannot be configured yet: what it refers to is not there. The text is the kubelet's. */
export class ContainerConfigError extends Error {
  override readonly name = 'ContainerConfigError'
}

/**
 * The whole environment of a container. Later wins: `envFrom` in order, then `env` in order; the variables of
 * services fill what is still free, but `$(NAME)` in `env` sees them.
 * @throws ContainerConfigError where a ConfigMap, Secret or key that is not optional does not exist
 */
export function envForPod(
  container: Container,
  fields: PodFields,
  services: readonly Service[],
  references: References,
): readonly EnvPair[] {
  const { pod } = fields
  const namespace = pod.metadata.namespace ?? 'default'
  const announced = serviceEnv(
    servicesFor({ namespace, enableServiceLinks: pod.spec.enableServiceLinks ?? true }, services),
  )
  const fromServices = new Map(announced.map(({ name, value }) => [name, value]))
  const env = new Map<string, string>()
  for (const source of container.envFrom ?? [])
    for (const { name, value } of pairsOf(source, references)) env.set(name, value)
  for (const variable of container.env ?? []) {
    const value = resolve(
      variable,
      fields,
      references,
      container.name,
      (name) => env.get(name) ?? fromServices.get(name),
    )
    if (value !== undefined) env.set(variable.name, value)
  }
  for (const [name, value] of fromServices) if (!env.has(name)) env.set(name, value)
  return [...env].map(([name, value]) => ({ name, value }))
}

function resolve(
  variable: EnvVar,
  fields: PodFields,
  references: References,
  own: string,
  lookup: (name: string) => string | undefined,
): string | undefined {
  const { value, valueFrom } = variable
  if (!valueFrom) return expand(value ?? '', lookup)
  if (valueFrom.fieldRef) {
    const { fieldPath } = valueFrom.fieldRef
    const found = fieldOf(fieldPath, fields)
    if (found === undefined) throw new ContainerConfigError(`unsupported fieldPath: ${fieldPath}`)
    return found
  }
  if (valueFrom.resourceFieldRef) {
    try {
      return resourceOf(valueFrom.resourceFieldRef, fields.pod, nodeAmounts(), own)
    } catch (cause) {
      throw new ContainerConfigError((cause as Error).message)
    }
  }
  const namespace = fields.pod.metadata.namespace ?? 'default'
  if (valueFrom.configMapKeyRef) {
    const { name = '', key, optional } = valueFrom.configMapKeyRef
    const map = references.configMap(name)
    if (!map && !optional) throw new ContainerConfigError(`configmap "${name}" not found`)
    const found = map?.data?.[key]
    if (found === undefined && !optional)
      throw new ContainerConfigError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`)
    return found
  }
  if (valueFrom.secretKeyRef) {
    const { name = '', key, optional } = valueFrom.secretKeyRef
    const secret = references.secret(name)
    if (!secret && !optional) throw new ContainerConfigError(`secret "${name}" not found`)
    const found = secret?.data?.[key]
    if (found === undefined && !optional)
      throw new ContainerConfigError(`couldn't find key ${key} in Secret ${namespace}/${name}`)
    return found === undefined ? undefined : fromBase64(found)
  }
  throw new ContainerConfigError(`environment variable ${variable.name} has an unsupported source`)
}

/** `=` and NUL cannot be in a name; anything else printable may (KEP-4369). Such keys are left out, as upstream does. */
const NAME = /^[ -<>-~]+$/

function pairsOf(source: EnvFromSource, references: References): readonly EnvPair[] {
  return entriesOf(source, references)
    .map(([key, value]) => ({ name: `${source.prefix ?? ''}${key}`, value }))
    .filter(({ name }) => NAME.test(name))
}

function entriesOf(
  { configMapRef, secretRef }: EnvFromSource,
  references: References,
): readonly (readonly [string, string])[] {
  if (configMapRef) {
    const map = references.configMap(configMapRef.name ?? '')
    if (!map && !configMapRef.optional)
      throw new ContainerConfigError(`configmap "${configMapRef.name ?? ''}" not found`)
    return Object.entries(map?.data ?? {})
  }
  if (!secretRef) return []
  const secret = references.secret(secretRef.name ?? '')
  if (!secret && !secretRef.optional)
    throw new ContainerConfigError(`secret "${secretRef.name ?? ''}" not found`)
  return Object.entries(secret?.data ?? {}).map(([key, value]) => [key, fromBase64(value)])
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString()
}
