/** Columns that a definition names by paths. Source: apiextensions-apiserver pkg/registry/customresource/tableconvertor. */
import type { PrinterColumn } from '#api/custom-resource/definition.ts'
import { parseJSONPath } from '#api/custom-resource/json-path.ts'
import type { JSONValue } from '#api/json.ts'
import type { CustomResource } from '#api/kinds/kind-spec.ts'
import { type Cell, type Column, nameColumn } from '../column.ts'
import { ageSince } from '../duration.ts'

const made = new WeakMap<CustomResource, readonly Column[]>()

export function customColumns(custom: CustomResource): readonly Column[] {
  let columns = made.get(custom)
  if (!columns) {
    columns = [nameColumn, ...custom.columns.map(columnOf)]
    made.set(custom, columns)
  }
  return columns
}

function columnOf(column: PrinterColumn): Column {
  const { name, type, format, description, priority = 0, jsonPath } = column
  const path = parseJSONPath(jsonPath)
  return {
    name,
    type,
    ...(format ? { format } : {}),
    description:
      description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    priority,
    cell(object) {
      const [value] = path?.find(object as unknown as JSONValue) ?? [] // came from JSON
      return value === undefined ? null : cellOf(type, value)
    },
  }
}

function cellOf(type: string, value: JSONValue): Cell {
  switch (type) {
    case 'string':
      return textOf(value)
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      return typeof value === 'string' ? ageOf(value) : null
    default:
      return null
  }
}

/** As Go's template printer writes a value of a path. */
function textOf(value: JSONValue): string {
  if (value === null) return '<nil>'
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function ageOf(text: string): Cell {
  const isTime = text === '' || !Number.isNaN(Date.parse(text))
  return isTime ? ageSince(text) : '<invalid>'
}
