import type { PodSpec } from '../core.ts'
import { type FieldError, invalid, required } from '../field-error.ts'
import { validateLegacyIP } from '../validation/ip-rules.ts'
import { checkName, isDNS1123Subdomain } from '../validation/names.ts'

const most = { nameservers: 3, searches: 32, characters: 2048 }

/** Source: core/validation v1.36, validatePodDNSConfig. */
export function validateDNSConfig({ dnsConfig, dnsPolicy }: PodSpec, at: string): FieldError[] {
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {}
  if (dnsPolicy === 'None') {
    if (!dnsConfig) return [required(at, 'must provide `dnsConfig` when `dnsPolicy` is None')]
    if (nameservers.length === 0) {
      const detail = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
      return [required(`${at}.nameservers`, detail)]
    }
  }
  const limit = (isOver: boolean, key: 'nameservers' | 'searches', what: string) =>
    isOver ? [invalid(`${at}.${key}`, dnsConfig?.[key], `must not have more than ${what}`)] : []
  return [
    ...limit(
      nameservers.length > most.nameservers,
      'nameservers',
      `${most.nameservers} nameservers`,
    ),
    ...nameservers.flatMap((ip, index) => validateLegacyIP(ip, `${at}.nameservers[${index}]`)),
    ...limit(searches.length > most.searches, 'searches', `${most.searches} search paths`),
    ...limit(
      searches.join(' ').length > most.characters,
      'searches',
      `${most.characters} characters (including spaces) in the search list`,
    ),
    ...searches.flatMap((search, index) => {
      const name = search.replace(/\.$/, '')
      return search === '.' ? [] : checkName(isSearchDomain, name, `${at}.searches[${index}]`)
    }),
    ...options.flatMap(({ name = '' }, index) =>
      name === '' ? [required(`${at}.options[${index}]`, 'must not be empty')] : [],
    ),
  ]
}

/** RelaxedDNSSearchValidation: SRV names have labels that begin with an underscore. */
const isSearchDomain = (value: string) =>
  isDNS1123Subdomain(value.replace(/(^|\.)_(?=[a-z0-9])/g, '$1').replace(/_/g, '-')).map((text) =>
    text
      .replace("characters, '-' or '.'", "characters, '_', '-' or '.'")
      .replaceAll('[a-z0-9]([-a-z0-9]*[a-z0-9])?', '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?'),
  )
