import type { ServiceAccount } from '../core.ts'
import { serviceAccounts } from '../resources.ts'
import { isDNS1123Subdomain } from '../validation/names.ts'
import { defineKind } from './define-kind.ts'

export const serviceAccount = defineKind<ServiceAccount>({
  resource: serviceAccounts,
  shortNames: ['sa'],
  subresources: ['token'],
  nameRule: isDNS1123Subdomain,
})
