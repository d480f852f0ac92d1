import { program } from "@kmem/tsup-config";

export default program();
