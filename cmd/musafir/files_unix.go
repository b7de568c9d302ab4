//go:build unix

package main

import "syscall"

// privateFiles makes every file that this process creates its owner's alone.
func privateFiles() { syscall.Umask(0o077) }
