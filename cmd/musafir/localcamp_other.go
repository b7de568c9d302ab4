//go:build !linux

package main

import "syscall"

// endsWithParent: here a process goes on when the one that started it is killed. All
// other ends of that one end it.
func endsWithParent() *syscall.SysProcAttr { return nil }
