package transport

import "time"

// A tuning is what tests want shorter and smaller than it is.
type tuning struct {
	askTimeout    time.Duration
	idleMax       time.Duration
	sweepInterval time.Duration
	connsInbound  int
}

func usualTuning() *tuning {
	return &tuning{askTimeout, idleMax, sweepInterval, connsInbound}
}
