module turn-affinity-adapter

go 1.18
