/** Whether several listeners of this machine may have one port, so that the kernel shares connections out (SO_REUSEPORT as Linux has it). */
export const canSharePorts: boolean = ['linux', 'freebsd', 'sunos', 'aix'].includes(process.platform)
