import { type FieldError, invalid, required } from '../field-error.ts'
import { isDNS1123Subdomain } from './names.ts'

const MAX_LENGTH = 571

/** `example.com/signer`. Source: core/validation v1.36, ValidateSignerName. */
export function validateSignerName(name: string, at: string): FieldError[] {
  if (name === '') return [required(at)]
  const [domain = '', path, ...more] = name.split('/')
  if (path === undefined || more.length > 0)
    return [
      invalid(
        at,
        name,
        'must be a fully qualified domain and path of the form "example.com/signer-name"',
      ),
    ]
  const errors = isDNS1123Subdomain(domain).map((why) => invalid(at, domain, why))
  if (domain !== '' && !domain.includes('.'))
    errors.push(
      invalid(at, domain, 'should be a domain with at least two segments separated by dots'),
    )
  errors.push(...isDNS1123Subdomain(path).map((why) => invalid(at, path, why)))
  if (name.length > MAX_LENGTH)
    errors.push({ type: 'TooLong', field: at, detail: `may not be more than ${MAX_LENGTH} bytes` })
  return errors
}
