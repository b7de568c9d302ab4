package main

import "syscall"

// endsWithParent makes a process end with the one that starts it, even if that one
// is killed. (The kernel looks at the thread that started it; ours live as long as
// the program.)
func endsWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
