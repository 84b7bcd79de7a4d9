import type { Probe } from '../core.ts'
import { type FieldError, invalid } from '../field-error.ts'
import { mustNotBeNegative } from '../validation/object-meta.ts'
import { validateHandler } from './handler-validation.ts'

const seconds = [
  'initialDelaySeconds',
  'timeoutSeconds',
  'periodSeconds',
  'successThreshold',
  'failureThreshold',
] as const

/** `once`: liveness and startup probes succeed by one success. Source: core/validation v1.36, validateProbe. */
export function validateProbe(
  probe: Probe,
  at: string,
  gracePeriod: number,
  { once }: { readonly once: boolean },
): FieldError[] {
  const grace = probe.terminationGracePeriodSeconds
  return [
    ...validateHandler(probe, at, gracePeriod),
    ...seconds.flatMap((key) =>
      (probe[key] ?? 0) < 0 ? [invalid(`${at}.${key}`, probe[key], mustNotBeNegative)] : [],
    ),
    ...(grace !== undefined && grace <= 0
      ? [invalid(`${at}.terminationGracePeriodSeconds`, grace, 'must be greater than 0')]
      : []),
    ...(!once && grace !== undefined
      ? [
          invalid(
            `${at}.terminationGracePeriodSeconds`,
            grace,
            'must not be set for readinessProbes',
          ),
        ]
      : []),
    ...(once && probe.successThreshold !== 1
      ? [invalid(`${at}.successThreshold`, probe.successThreshold ?? 0, 'must be 1')]
      : []),
  ]
}
