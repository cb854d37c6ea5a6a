/**
 * Parts of `node:http`. A plain import of it reads every export, and one of them loads all of Node's `fetch`: 35 ms of each
 * start for nothing.
 */
export const { createServer, STATUS_CODES } = process.getBuiltinModule('node:http')
