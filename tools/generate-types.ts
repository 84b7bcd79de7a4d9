/**
 * Writes src/api/types/*.ts, the TypeScript types of the API, from src/api/schema and tools/type-facts.ts.
 *
 * Usage: bin/fairlead-node tools/generate-types.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { renderTypes } from './render-types.ts'

const directory = resolve(import.meta.dirname, '../src/api/types')
mkdirSync(directory, { recursive: true })
for (const [name, text] of renderTypes()) writeFileSync(resolve(directory, name), text)
