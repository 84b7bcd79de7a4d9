/** Groups of the Kubernetes community. Source: apiextensions-apiserver pkg/apihelpers/helpers.go. */
import { type FieldError, invalid, required } from '../../field-error.ts'
import type { CustomResourceDefinition } from '../definition.ts'

const ANNOTATION = 'api-approved.kubernetes.io'

export interface Approval {
  readonly state: 'approved' | 'bypassed' | 'missing' | 'invalid'
  readonly why: string
}

/** Undefined for groups that need none. */
export function approvalOf(
  annotations: Readonly<Record<string, string>> = {},
  group: string,
): Approval | undefined {
  if (!/(?:^|\.)(?:k8s|kubernetes)\.io$/.test(group)) return undefined
  const value = annotations[ANNOTATION] ?? ''
  const must = `protected groups must have approval annotation "${ANNOTATION}"`
  const see = 'see https://github.com/kubernetes/enhancements/pull/1111'
  if (value === '') return { state: 'missing', why: `${must}, ${see}` }
  if (value.startsWith('unapproved'))
    return { state: 'bypassed', why: `not approved: ${JSON.stringify(value)}` }
  if (/^[a-zA-Z][a-zA-Z0-9+.-]*:\/\/[^/\s]+/.test(value))
    return { state: 'approved', why: `approved in ${value}` }
  const either = 'with either a URL or a reason starting with "unapproved"'
  return { state: 'invalid', why: `${must} ${either}, ${see}` }
}

export function checkApproval(
  annotations: Readonly<Record<string, string>> | undefined,
  group: string,
  old?: CustomResourceDefinition,
): FieldError[] {
  const approval = approvalOf(annotations, group)
  const before = old && approvalOf(old.metadata.annotations, old.spec.group)
  if (!approval || approval.state === before?.state) return []
  const field = `metadata.annotations[${ANNOTATION}]`
  if (approval.state === 'missing') return [required(field, approval.why)]
  if (approval.state === 'invalid')
    return [invalid(field, annotations?.[ANNOTATION] ?? '', approval.why)]
  return []
}
