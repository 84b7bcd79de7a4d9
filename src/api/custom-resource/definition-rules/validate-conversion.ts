/** Source: apiextensions-apiserver pkg/apis/apiextensions/validation/validation.go, apiserver pkg/util/webhook/validation.go. */
import { type FieldError, forbidden, invalid, notSupported, required } from '../../field-error.ts'
import { isDNS1035Label } from '../../validation/names.ts'
import { findRepeats } from '../../validation/repeats.ts'
import type { DefinitionConversion } from '../definition.ts'

const PATH = 'spec.conversion'
const STRATEGIES = ['None', 'Webhook']
const KNOWN_REVIEWS = ['v1', 'v1beta1']

export function validateConversion(conversion: DefinitionConversion | undefined): FieldError[] {
  if (!conversion) return []
  const { strategy, webhook } = conversion
  if (!strategy) return [required(`${PATH}.strategy`)]
  if (!STRATEGIES.includes(strategy))
    return [notSupported(`${PATH}.strategy`, strategy, STRATEGIES), ...checkUnused(webhook)]
  return strategy === 'Webhook' ? checkWebhook(webhook) : checkUnused(webhook)
}

type Webhook = DefinitionConversion['webhook']

function checkUnused(webhook: Webhook): FieldError[] {
  const why = 'should not be set when strategy is not set to Webhook'
  return [
    ...(webhook?.clientConfig ? [forbidden(`${PATH}.webhookClientConfig`, why)] : []),
    ...((webhook?.conversionReviewVersions ?? []).length > 0
      ? [forbidden(`${PATH}.conversionReviewVersions`, why)]
      : []),
  ]
}

function checkWebhook(webhook: Webhook): FieldError[] {
  const config = webhook?.clientConfig
  const at = `${PATH}.webhookClientConfig`
  const reviews = checkReviewVersions(webhook?.conversionReviewVersions ?? [])
  if (!config) return [required(at, 'required when strategy is set to Webhook'), ...reviews]
  const { url, service } = config
  if ((url === undefined) === (service === undefined))
    return [required(at, 'exactly one of url or service is required'), ...reviews]
  return [...(url === undefined ? [] : checkURL(url, `${at}.url`)), ...reviews]
}

function checkURL(text: string, field: string): FieldError[] {
  const form = '; desired format: https://host[/path]'
  const url = URL.parse(text)
  if (!url)
    return [required(field, `url must be a valid URL: parse ${JSON.stringify(text)}${form}`)]
  const user = url.password === '' ? url.username : `${url.username}:${url.password}`
  const refused: readonly (readonly [string, string])[] = [
    [user, 'user information is not permitted in the URL'],
    [url.hash.slice(1), 'fragments are not permitted in the URL'],
    [url.search.slice(1), 'query parameters are not permitted in the URL'],
  ]
  const scheme = url.protocol.slice(0, -1)
  return [
    ...(scheme === 'https'
      ? []
      : [invalid(field, scheme, `'https' is the only allowed URL scheme${form}`)]),
    ...(url.host === '' ? [invalid(field, '', `host must be specified${form}`)] : []),
    ...refused.filter(([part]) => part !== '').map(([part, why]) => invalid(field, part, why)),
  ]
}

function checkReviewVersions(versions: readonly string[]): FieldError[] {
  const at = `${PATH}.conversionReviewVersions`
  if (versions.length === 0) return [required(at)]
  const isRepeat = findRepeats(versions, (version) => version)
  return [
    ...versions.flatMap((version, index) =>
      isRepeat[index]
        ? [invalid(`${at}[${index}]`, version, 'duplicate version')]
        : isDNS1035Label(version).map((why) => invalid(`${at}[${index}]`, version, why)),
    ),
    ...(versions.some((version) => KNOWN_REVIEWS.includes(version))
      ? []
      : [invalid(at, versions, `must include at least one of ${KNOWN_REVIEWS.join(', ')}`)]),
  ]
}
