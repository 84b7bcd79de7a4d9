import type { Probe } from '../core.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import { checkName, isHTTPHeaderName, isPortNumber } from '../validation/names.ts'
import { mustNotBeNegative } from '../validation/object-meta.ts'
import { validatePortNumberOrName } from '../validation/ports.ts'

const handlers = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const
const seconds = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const

/** `once`: liveness and startup probes succeed by one success. Source: core/validation v1.36, validateProbe. */
export function validateProbe(
  probe: Probe | undefined,
  at: string,
  { once = false }: { readonly once?: boolean },
): FieldError[] {
  if (!probe) return []
  const [used, ...others] = handlers.filter((handler) => probe[handler])
  const grace = probe.terminationGracePeriodSeconds
  return [
    ...(used ? validateHandler(probe, used, at) : [required(at, 'must specify a handler type')]),
    ...others.map((handler) =>
      forbidden(`${at}.${handler}`, 'may not specify more than 1 handler type'),
    ),
    ...seconds.flatMap((key) =>
      (probe[key] ?? 0) < 0 ? [invalid(`${at}.${key}`, probe[key], mustNotBeNegative)] : [],
    ),
    ...(grace !== undefined && grace <= 0
      ? [invalid(`${at}.terminationGracePeriodSeconds`, grace, 'must be greater than 0')]
      : []),
    ...(once && probe.successThreshold !== 1
      ? [invalid(`${at}.successThreshold`, probe.successThreshold ?? 0, 'must be 1')]
      : []),
  ]
}

function validateHandler(
  probe: Probe,
  handler: (typeof handlers)[number],
  parent: string,
): FieldError[] {
  const at = `${parent}.${handler}`
  switch (handler) {
    case 'exec':
      return (probe.exec?.command ?? []).length > 0 ? [] : [required(`${at}.command`)]
    case 'tcpSocket':
      return validatePortNumberOrName(probe.tcpSocket?.port ?? 0, `${at}.port`)
    case 'grpc':
      return isPortNumber(probe.grpc?.port ?? 0).map((detail) =>
        invalid(`${at}.port`, probe.grpc?.port ?? 0, detail),
      )
    case 'httpGet':
      return validateHTTPGet(probe.httpGet!, at)
  }
}

function validateHTTPGet(http: NonNullable<Probe['httpGet']>, at: string): FieldError[] {
  const schemes = ['HTTP', 'HTTPS']
  return [
    ...(http.path ? [] : [required(`${at}.path`)]),
    ...validatePortNumberOrName(http.port ?? 0, `${at}.port`),
    ...(schemes.includes(http.scheme ?? '')
      ? []
      : [notSupported(`${at}.scheme`, http.scheme ?? '', schemes)]),
    ...(http.httpHeaders ?? []).flatMap(({ name = '' }) =>
      checkName(isHTTPHeaderName, name, `${at}.httpHeaders`),
    ),
  ]
}
