package sim

// A Topology says who finds whom.
type Topology int

// The topologies.
const (
	Mesh Topology = iota
	Ring
	Star
	Chain
	Loose // each knows some
	topologies
)

func (t Topology) String() string { return [...]string{"mesh", "ring", "star", "chain", "loose"}[t] }

// Arrange connects all machines in a topology. Copies of a disk, which may be the
// same device, hang beside it.
func (w *World) Arrange(t Topology) {
	clear(w.edges)
	w.topology = t
	var list []*Machine
	for _, m := range w.Machines {
		if m.family == m {
			list = append(list, m)
		}
	}
	w.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for i, m := range list {
		w.place(list[:i], m)
	}
	if t == Ring {
		w.Connect(list[0], list[len(list)-1])
	}
	for _, m := range w.Machines {
		if m.family != m {
			w.attach(m)
			if m.n%2 == 0 || w.copied() > 1 {
				w.Connect(m.family, m) // they hear each other, and cannot speak
			}
		}
	}
	for _, c := range append([]*conn(nil), w.conns...) {
		if a, b := c.ends[0].m, c.ends[1].m; !w.edges[edge(a, b)] {
			c.reset("the machines part")
		}
	}
}

// copied counts the machines of which there are copies. A network that takes copies
// for one device finds out through a third one, but not where two such pairs stand
// between each other.
func (w *World) copied() int {
	families := map[*Machine]bool{}
	for _, m := range w.Machines {
		if m.family != m {
			families[m.family] = true
		}
	}
	return len(families)
}

// place connects a machine with those before it.
func (w *World) place(before []*Machine, m *Machine) {
	if len(before) == 0 {
		return
	}
	switch w.topology {
	case Mesh:
		for _, other := range before {
			w.Connect(other, m)
		}
	case Star:
		w.Connect(before[0], m)
	case Loose:
		for range 2 {
			w.Connect(before[w.random.IntN(len(before))], m)
		}
	default:
		w.Connect(before[len(before)-1], m)
	}
}

// attach connects a machine that came later with some that are not of its family.
func (w *World) attach(m *Machine) {
	var others []*Machine
	for _, other := range w.Machines {
		if other.family == other && other != m.family {
			others = append(others, other)
		}
	}
	if w.topology == Mesh {
		for _, other := range others {
			w.Connect(other, m)
		}
		return
	}
	for range 2 {
		w.Connect(others[w.random.IntN(len(others))], m)
	}
}
