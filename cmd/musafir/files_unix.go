//go:build unix

package main

import (
	"os"
	"syscall"
)

// privateFiles makes every file that this process creates its owner's alone.
func privateFiles() { syscall.Umask(0o077) }

// isAlive tells whether a process is there still.
func isAlive(p *os.Process) bool { return p.Signal(syscall.Signal(0)) == nil }
