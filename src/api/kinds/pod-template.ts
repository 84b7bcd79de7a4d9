import type { PodTemplateSpec } from '../core.ts'
import { type FieldError, forbidden, invalid, notSupported, required } from '../field-error.ts'
import type { LabelSelector } from '../meta.ts'
import { matchesSelector } from '../selectors.ts'
import { validateLabels } from '../validation/labels.ts'
import { validatePodSpec } from './pod-spec-validation.ts'

const at = 'spec.template'

/** The template of a Deployment or ReplicaSet, whose pods run for ever. Source: apps/validation. */
export function validatePodTemplate(
  template: PodTemplateSpec | undefined,
  selector: LabelSelector | undefined,
): FieldError[] {
  if (!template) return [required(at)]
  const { metadata, spec } = template
  const labels = metadata?.labels ?? {}
  return [
    ...(selector && !isEmptySelector(selector) && !matchesSelector(selector, labels)
      ? [
          invalid(
            `${at}.metadata.labels`,
            metadata?.labels ?? null,
            '`selector` does not match template `labels`',
          ),
        ]
      : []),
    ...validateLabels(metadata?.labels, `${at}.labels`),
    ...validatePodSpec(spec, `${at}.spec`, { inPod: false }),
    ...((spec.ephemeralContainers ?? []).length > 0
      ? [
          forbidden(
            `${at}.spec.ephemeralContainers`,
            'ephemeral containers not allowed in pod template',
          ),
        ]
      : []),
    ...(spec.restartPolicy === 'Always'
      ? []
      : [notSupported(`${at}.spec.restartPolicy`, spec.restartPolicy ?? '', ['Always'])]),
    ...(spec.activeDeadlineSeconds === undefined
      ? []
      : [
          forbidden(
            `${at}.spec.activeDeadlineSeconds`,
            'activeDeadlineSeconds in ReplicaSet is not Supported',
          ),
        ]),
  ]
}

export function isEmptySelector({ matchLabels, matchExpressions }: LabelSelector): boolean {
  return Object.keys(matchLabels ?? {}).length === 0 && (matchExpressions ?? []).length === 0
}
