/** All functions that Kubernetes 1.36 knows in rules. Source: apiserver pkg/cel/environment/base.go. */

import { addressFunctions } from './functions/addresses.ts'
import { conversions } from './functions/conversions.ts'
import { listFunctions } from './functions/lists.ts'
import { arithmetic, logic, relations, sizes } from './functions/operators.ts'
import { insertFunctions, optionalFunctions } from './functions/optionals.ts'
import { patternFunctions } from './functions/patterns.ts'
import { quantityFunctions, versionFunctions } from './functions/quantities.ts'
import { stringFunctions } from './functions/strings.ts'
import { timeFunctions } from './functions/time.ts'
import { formatFunctions, urlFunctions } from './functions/urls.ts'
import { joinFunctions } from './functions.ts'

export const LIBRARY = joinFunctions(
  logic,
  arithmetic,
  relations,
  sizes,
  conversions,
  timeFunctions,
  stringFunctions,
  listFunctions,
  patternFunctions,
  urlFunctions,
  formatFunctions,
  addressFunctions,
  quantityFunctions,
  versionFunctions,
  optionalFunctions,
  insertFunctions,
)
