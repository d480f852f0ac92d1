import { library } from "@kmem/tsup-config";

export default library();
