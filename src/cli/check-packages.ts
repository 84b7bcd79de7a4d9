import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What `npm run setup` installed from: lines of sha256sum(1), one of them for package-lock.json (tools/setup.sh). */
const STAMP = 'node_modules/.package-lock.stamp'

/**
 * Refuses to go on with packages of another time than the code. A tree without a stamp was not set up by `npm run setup`, and is
 * left alone.
 *
 * @throws Error
 */
export function checkPackages(root = join(import.meta.dirname, '../..')): void {
  const stamp = read(join(root, STAMP))
  const lock = read(join(root, 'package-lock.json'))
  if (!stamp || !lock) return
  const sum = createHash('sha256').update(lock).digest('hex')
  if (stamp.toString().split('\n').includes(`${sum}  package-lock.json`)) return
  throw new Error(
    'Cannot start: the npm packages are not those of package-lock.json (run `npm run setup`)',
  )
}

function read(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch {
    return undefined
  }
}
