// Writes auralink.conf and docs/configuration.md from the table of settings. A test fails while they differ from it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { docsPage, sampleFile } from '../src/config/docs.ts'

mkdirSync('docs', { recursive: true })
writeFileSync('auralink.conf', sampleFile())
writeFileSync('docs/configuration.md', docsPage())
