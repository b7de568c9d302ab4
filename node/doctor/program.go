package doctor

import "slices"

// program is about this device itself: whether it looks for others.
func (x *exam) program() []Finding {
	if x.well {
		return nil
	}
	found := x.looking()
	if x.Alone {
		found = append(found, Finding{Note, "This camp has no other device yet.", "Let one join: musafir invite prints what to type on it."})
	}
	return append(found, x.listening()...)
}

func (x *exam) looking() []Finding {
	switch x.Look {
	case Shut:
		return []Finding{x.Trouble}
	case Down:
		return []Finding{{Problem, "Musafir is not up on this device: the others do not find it, and it does not reach them.", "Start it: musafir up"}}
	case Local:
		return []Finding{{x.ifMissing(), "This device listens on its own machine only, as it was told to: no other machine finds or reaches it, and it looks for none.",
			"Start it without --listen: musafir up"}}
	case Quiet:
		return []Finding{{x.ifMissing(), "This device looks for nobody and is not found, as it was told to (--discover=false). It meets others only at addresses.",
			"Start it without --discover=false: musafir up. Or name an address: musafir up --peer ADDRESS"}}
	}
	return nil
}

// ifMissing is how grave it is not to look for others.
func (x *exam) ifMissing() Level {
	if len(x.missing) > 0 {
		return Problem
	}
	return Note
}

// listening compares where this device listens with the addresses that it has.
func (x *exam) listening() []Finding {
	if x.Look != Looks && x.Look != Quiet {
		return nil
	}
	own := x.ownAddrs()
	if len(own) == 0 || slices.ContainsFunc(own, func(p ownAddr) bool { return slices.Contains(x.Listen, p.Addr()) }) {
		return nil
	}
	return []Finding{{Problem, "This device listens at none of the addresses that it has: " + addressList(plain(own)) + ".",
		"Start it again, without --listen: musafir up"}}
}
