import assert from 'node:assert/strict'
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { suite, test } from 'node:test'

const root = resolve(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const foldersIn = (path: string) =>
  readdirSync(join(root, path), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !/^(?:\.|node_modules$)/.test(entry.name))
    .map(({ name }) => name)
    .filter((name) => readdirSync(join(root, path, name)).length > 0)

const layers = globSync('src/*/README.md', { cwd: root })
const documents = [...globSync(['*.md', 'decisions/*.md'], { cwd: root }), ...layers].sort()
const topFolders = new Set([...foldersIn('.'), ...foldersIn('src')])

suite('ARCHITECTURE.md', () => {
  const [, list = ''] = /^## Folders\n\n```\n(.*?)^```/ms.exec(read('ARCHITECTURE.md')) ?? []
  const entries = [...list.matchAll(/^( *)([\w-]+)\/ *(.*)$/gm)].map(([, indent, name, text]) => ({
    path: indent ? `src/${name}` : name!,
    named: [...text!.matchAll(/([\w-]+)\//g)].map(([, folder]) => folder!),
  }))

  test('lists the folders that are there', () => {
    const inSource = entries.map(({ path }) => path).filter((path) => path.startsWith('src/'))
    assert.deepEqual(
      inSource.toSorted(),
      foldersIn('src')
        .map((name) => `src/${name}`)
        .sort(),
    )
    // A checkout may hold more at its top, of whoever works in it.
    assert.deepEqual(
      entries.filter(({ path }) => !existsSync(join(root, path))),
      [],
    )
  })

  for (const { path, named } of entries.filter((entry) => entry.path.startsWith('src/'))) {
    test(`names what is in ${path}`, () => {
      // Builders and fakes for tests are everywhere under this name.
      const there = foldersIn(path).filter((name) => name !== 'testing')
      assert.deepEqual(named.toSorted(), there.sort())
    })
  }
})

suite('Documents name only what is there:', () => {
  for (const document of documents) {
    test(document, () => {
      const text = read(document).replaceAll(/^```.*?^```$/gms, '')
      const here = dirname(document)
      const links = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, link]) => link!)
      const paths = [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/?)`/g)]
        .map(([, path]) => path!)
        .filter(isPath)
      const missing = [
        ...links.filter((link) => !existsSync(join(root, here, link))),
        ...paths.filter((path) => !isThere(path, here)),
      ]
      assert.deepEqual(missing, [])
    })
  }
})

suite('A README of a folder', () => {
  const sections = [
    'Name',
    'Description',
    'How it works',
    'Examples',
    'Differences from upstream',
    'Not built yet',
  ]
  for (const file of layers) {
    test(`${file} has the sections of a manual page`, () => {
      const text = read(file)
      assert.deepEqual(
        [...text.matchAll(/^## (.+)$/gm)].map(([, name]) => name),
        sections,
      )
      assert.ok(text.split('\n').length <= 80, 'at most 80 lines')
    })
  }
})

/** A source file, or what begins with a folder of ours. */
function isPath(text: string): boolean {
  const [first = '', ...rest] = text.split('/')
  return /^[\w-].*\.ts$/.test(text) || (rest.length > 0 && topFolders.has(first))
}

/** Documents name paths from the root, from src/, or from their own folder, files often without `.ts`; or a file by its name alone. */
function isThere(path: string, here: string): boolean {
  if (!path.includes('/')) {
    return (
      globSync(`${here.startsWith('src/') ? here : 'src'}/**/${path}`, { cwd: root }).length > 0
    )
  }
  return ['.', 'src', here].some((base) =>
    [path, `${path}.ts`].some((each) => existsSync(join(root, base, each))),
  )
}
