package transport

import "time"

var (
	NotEOF              = notEOF
	Expand              = expand
	UsableIPs           = usableIPs
	TimelessCertificate = timelessCertificate
)

// Hurried is cfg with a shorter time for IsCopy and Whois.
func Hurried(cfg Config, askTimeout time.Duration) Config {
	cfg.tuning = usualTuning()
	cfg.tuning.askTimeout = askTimeout
	return cfg
}

// Swept is cfg with a shorter time for idle connections, and a limit of inbound ones.
func Swept(cfg Config, idleMax time.Duration, connsInbound int) Config {
	cfg.tuning = usualTuning()
	cfg.tuning.idleMax, cfg.tuning.sweepInterval = idleMax, idleMax/10
	cfg.tuning.connsInbound = connsInbound
	return cfg
}

// Conns is how many connections the swarm has.
func (h *Host) Conns() int { return len(h.swarm.Conns()) }
