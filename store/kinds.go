package store

import (
	"fmt"
	"sync"

	"musafir/crdt"
)

// logKinds remembers which branches belong to control logs, so that each birth is read
// once. Branches keep their numbers, and more come at the end.
type logKinds struct {
	mu      sync.Mutex
	control []bool // by branch
}

// of tells of each branch of a snapshot whether its log is a control log.
func (k *logKinds) of(v *snapshot) ([]bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for n := len(k.control); n < len(v.branches); n++ {
		birth, err := v.birth(v.branches[n].Log)
		if err != nil {
			return nil, fmt.Errorf("read birth of log %s: %w", v.branches[n].Log, err)
		}
		k.control = append(k.control, birth.Kind == crdt.ControlLog)
	}
	return k.control[:len(v.branches):len(v.branches)], nil
}
