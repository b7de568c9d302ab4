package node

import (
	"maps"
	"time"
)

// A device that breaks a rule is kept away for a while, longer each time.
const (
	penaltyFirst = time.Second
	penaltyMax   = 5 * time.Minute
	penaltyPast  = 10 * time.Minute // without a breach it counts as new
)

// penalties is who broke a rule lately.
type penalties map[string]*penalty

type penalty struct {
	until time.Time
	last  time.Duration
}

// breach takes note that a device broke a rule.
func (p penalties) breach(who string, now time.Time) {
	maps.DeleteFunc(p, func(_ string, x *penalty) bool { return now.Sub(x.until) > penaltyPast })
	x := p[who]
	if x == nil || now.Sub(x.until) > penaltyPast {
		x = &penalty{last: penaltyFirst / 2}
		p[who] = x
	}
	x.last = min(2*x.last, penaltyMax)
	x.until = now.Add(x.last)
}

// holds tells whether a device is to be kept away still.
func (p penalties) holds(who string, now time.Time) bool {
	x := p[who]
	return x != nil && now.Before(x.until)
}
