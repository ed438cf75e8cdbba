"""Everything that is a process, or describes one."""
