import type { PodTemplateSpec } from '../core.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import type { LabelSelector } from '../meta.ts'
import { matchesSelector } from '../selectors.ts'
import { validateLabelSelector, validateLabels } from '../validation/labels.ts'
import { validateAnnotations } from '../validation/object-meta.ts'
import { validatePodSpec } from './pod-spec-validation.ts'

/** The template of a workload whose pods run for ever. Source: apps/validation; `owner` is named in one sentence. */
export function validatePodTemplate(
  template: PodTemplateSpec | undefined,
  owner = 'ReplicaSet',
): FieldError[] {
  const at = 'spec.template'
  if (!template) return [required(at)]
  const { spec } = template
  return [
    ...validatePodTemplateSpec(template, at),
    ...(spec.restartPolicy === 'Always'
      ? []
      : [notSupported(`${at}.spec.restartPolicy`, spec.restartPolicy ?? '', ['Always'])]),
    ...(spec.activeDeadlineSeconds === undefined
      ? []
      : [
          forbidden(
            `${at}.spec.activeDeadlineSeconds`,
            `activeDeadlineSeconds in ${owner} is not Supported`,
          ),
        ]),
  ]
}

/**
 * A selector that must be there, and the template whose pods it must select; nothing is said of a template behind a selector that
 * is none. Source: apps/validation ValidateDeploymentSpec, ValidateReplicaSetSpec, ValidateStatefulSetSpec.
 */
export function validateSelectedTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
  {
    kind,
    owner = 'ReplicaSet',
    notOne = 'invalid label selector',
  }: { readonly kind: string; readonly owner?: string; readonly notOne?: string },
): FieldError[] {
  const at = 'spec.selector'
  const errors = selector ? validateLabelSelector(selector, at) : [required(at)]
  if (selector && errors.length > 0) return [...errors, invalid(at, selector, notOne)]
  const isEmpty = selector && isEmptySelector(selector)
  return [
    ...errors,
    ...(isEmpty ? [invalid(at, selector, `empty selector is invalid for ${kind}`)] : []),
    ...(template ? validateTemplateLabels(template, selector, 'spec.template') : []),
    ...validatePodTemplate(template, owner),
  ]
}

/** The pods that a template makes must be those that its owner selects; no selector selects nothing, an empty one all. */
export function validateTemplateLabels(
  { metadata }: PodTemplateSpec,
  selector: LabelSelector | undefined,
  at: string,
): FieldError[] {
  const labels = metadata?.labels
  if (matchesSelector(selector, labels)) return []
  const detail = '`selector` does not match template `labels`'
  return [invalid(`${at}.metadata.labels`, labels ?? null, detail)]
}

/** core/validation ValidatePodTemplateSpec: what every template must keep to. */
export function validatePodTemplateSpec({ metadata, spec }: PodTemplateSpec, at: string) {
  return [
    ...validateLabels(metadata?.labels, `${at}.labels`),
    ...validateAnnotations(metadata?.annotations ?? {}, `${at}.annotations`),
    ...validatePodSpec(spec, `${at}.spec`, { inPod: false }),
    ...((spec.ephemeralContainers ?? []).length > 0
      ? [
          forbidden(
            `${at}.spec.ephemeralContainers`,
            'ephemeral containers not allowed in pod template',
          ),
        ]
      : []),
  ]
}

export function isEmptySelector({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0
}
