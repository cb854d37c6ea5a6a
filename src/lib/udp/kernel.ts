import koffi from 'koffi'
import { getSystemErrorMap } from 'node:util'

/** Of Linux, on 64 bits. */
const constants = {
  AF_INET: 2, AF_INET6: 10, SOCK_DGRAM: 2, SOCK_NONBLOCK: 0x800, SOCK_CLOEXEC: 0x80000, SOL_SOCKET: 1, SO_SNDBUF: 7, SO_RCVBUF: 8, SO_SNDBUFFORCE: 32, SO_RCVBUFFORCE: 33,
  IPPROTO_IPV6: 41, IPV6_V6ONLY: 26, MSG_DONTWAIT: 0x40, EINTR: 4, EIO: 5, EINVAL: 22, EMSGSIZE: 90
} as const

/** The system calls that Node has no way to make. Errors are negative results, with `errno`. */
function load () {
  const libc = koffi.load(null)
  return {
    socket: libc.func('int socket(int domain, int type, int protocol)') as (domain: number, type: number, protocol: number) => number,
    bind: libc.func('int bind(int fd, const void *address, uint32_t length)') as (fd: number, address: Buffer, length: number) => number,
    getsockname: libc.func('int getsockname(int fd, void *address, void *length)') as (fd: number, address: Buffer, length: Buffer) => number,
    setsockopt: libc.func('int setsockopt(int fd, int level, int name, const void *value, uint32_t length)') as (fd: number, level: number, name: number, value: Buffer, length: number) => number,
    recvmmsg: libc.func('int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout)') as (fd: number, messages: Buffer, count: number, flags: number, timeout: null) => number,
    sendmmsg: libc.func('int sendmmsg(int fd, uintptr_t messages, unsigned int count, int flags)') as (fd: number, messages: number, count: number, flags: number) => number,
    close: libc.func('int close(int fd)') as (fd: number) => number
  }
}

let loaded: ReturnType<typeof load> | undefined

export const kernel = {
  ...constants,
  /** Loaded with the first use. */
  get calls (): ReturnType<typeof load> { return loaded ??= load() },
  errno: (): number => koffi.errno()
}

/** As Node throws them: with the name of the error as `code`. */
export function systemError (call: string, errno = kernel.errno()): NodeJS.ErrnoException {
  const [code = `errno ${errno}`, message = ''] = getSystemErrorMap().get(-errno) ?? []
  return Object.assign(new Error(`${call} ${code}: ${message}`), { code, errno: -errno, syscall: call })
}
