import { type FieldError, required } from '../field-error.ts'

export interface VolumeRules {
  /** Of the pod; templates have none yet. */
  readonly podName?: string | undefined
  readonly inPod: boolean
}

type Text = string | undefined
export type Texts = Readonly<Record<string, Text>>
/** How a source is checked: by the rule of its own name, so its shape is the one that the rule takes. */
export type Rule<T> = (source: T, at: string, rules: VolumeRules) => FieldError[]

export const requires =
  (...keys: readonly string[]): Rule<Texts> =>
  (source, at) =>
    keys.flatMap((key) => (source[key]?.length ? [] : [required(`${at}.${key}`)]))
